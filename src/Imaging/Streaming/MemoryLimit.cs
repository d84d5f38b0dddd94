namespace Baremetal.Imaging.Streaming;

/// <summary>What a write may use of memory beside the two indexes, which it has been given.</summary>
/// <param name="Bytes">For its buffers and tables.</param>
/// <param name="Remedy">What to do if that is too little.</param>
internal sealed record MemoryLimit(long Bytes, string Remedy)
{
    /// <summary>
    /// Bytes that the whole process may have at any time, whatever the image: half of the smallest machine that we promise, whose other half is the
    /// kernel and the ramdisk.
    /// </summary>
    public const long PromisedBytes = 128L << 20;

    /// <summary>Bytes that cache, ends, tables and workers can use; more brings nothing.</summary>
    public const long Wanted = 68L << 20;

    // The runtime, the code and the heap without indexes and tables: 40 MiB measured for the agent as it travels, and some for what a kernel
    // or a C library does otherwise.
    private const long OfTheProcess = 48L << 20;

    // What the rest of the ramdisk may ask for meanwhile.
    private const long ForOthers = 16L << 20;

    private const string FreeSome = "Give the machine more memory, or free some.";

    /// <summary>As many bytes as a caller allows.</summary>
    public static MemoryLimit Of(long bytes) => new(bytes, FreeSome);

    /// <summary>What a write can make use of, as long as the promise is kept.</summary>
    public static MemoryLimit Promised(long indexBytes) => new(
        Math.Min(Wanted, PromisedBytes - OfTheProcess - indexBytes),
        $"More than {PromisedBytes >> 20} MiB are never used, and the two indexes take {indexBytes >> 20} of them: sign the image anew with 'conductor image sign', which chooses chunks that fit.");

    /// <summary>The same, if the kernel has that much to give.</summary>
    /// <param name="indexBytes">Held already, and so gone from what the kernel has.</param>
    public static MemoryLimit OfThisMachine(long indexBytes)
    {
        var available = Available() - ForOthers;
        return Promised(indexBytes) is var promised && available < promised.Bytes ? Of(available) : promised;
    }

    private static long Available()
    {
        foreach (var line in File.ReadLines("/proc/meminfo"))
        {
            if (line.StartsWith("MemAvailable:", StringComparison.Ordinal) && long.TryParse(line.AsSpan(13).Trim(" kB"), out var kibibytes))
                return kibibytes << 10;
        }
        return long.MaxValue;
    }
}
