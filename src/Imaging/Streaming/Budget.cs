using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Formats;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// The memory of a write, fixed before it begins: cached source chunks, the ends, tables, and a buffer for each worker. Fewer workers and
/// a smaller cache are slower, nothing else.
/// </summary>
/// <param name="CachedChunks">Source chunks held; more than workers and connections together, or they could wait for each other.</param>
/// <param name="Connections">Threads that fetch.</param>
/// <param name="Tables">Bytes that the image may hold of its tables; what it must hold beyond the wanted ones, the workers go without.</param>
/// <param name="ForWorkers">Bytes left for the workers.</param>
internal sealed record Budget(int CachedChunks, int Connections, TableMemory Tables, long ForWorkers)
{
    /// <summary>Bytes that a write can use in all; more brings nothing.</summary>
    public const long WantedLimit = 72L << 20;

    // Two: while one thread checks what it has read, the other reads.
    private const int WantedConnections = 2;

    // What all of this can use; more brings nothing.
    private const int WantedCacheBytes = 24 << 20;

    // The L2 tables of a disk of 64 GiB in clusters of 64 KiB.
    private const int WantedTableBytes = 8 << 20;

    // Readers that are no workers: whoever plans, reading a table.
    private const int OtherReaders = 1;

    private const int Spare = 2;

    /// <param name="limit">Bytes that may be used in all.</param>
    /// <param name="source">The source's chunks.</param>
    /// <param name="diskChunkSize">What a worker needs at least.</param>
    /// <param name="endBytes">Bytes of the ends that are held from the check to the write.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="rejection">The figure that is missing.</param>
    public static bool TryMake(long limit, ChunkLayout source, int diskChunkSize, long endBytes, [NotNullWhen(true)] out Budget? budget, [NotNullWhen(false)] out Rejection? rejection)
    {
        budget = null;
        rejection = null;
        var least = 1 + WantedConnections + OtherReaders + Spare;
        var cached = Math.Clamp((int)(Math.Min(WantedCacheBytes, limit / 3) / source.ChunkSize), least, 64);
        var tables = (int)Math.Min(WantedTableBytes, limit / 8);
        var left = limit - ((long)(cached + 1) * source.ChunkSize) - endBytes - tables;
        if (left < diskChunkSize)
        {
            rejection = Missing("at least ", diskChunkSize - left);
            return false;
        }
        budget = new Budget(cached, WantedConnections, new TableMemory(tables, tables + left - diskChunkSize), left);
        return true;
    }

    /// <summary>How many workers fit.</summary>
    public bool TryFitWorkers(IDiskImage image, int diskChunkSize, int cores, out int workers, [NotNullWhen(false)] out Rejection? rejection)
    {
        rejection = null;
        var each = (long)diskChunkSize + image.MaxCompressedLength;
        var left = ForWorkers - Math.Max(0, image.TableBytes - Tables.Wanted);
        var fitting = (int)Math.Min(CachedChunks - Connections - OtherReaders - Spare, left / each);
        workers = Math.Min(cores, fitting);
        if (workers >= 1)
            return true;
        rejection = Missing("", each - left);
        return false;
    }

    private static Rejection Missing(string how, long bytes) =>
        new($"Writing this image needs {how}{(bytes + (1 << 20) - 1) >> 20} MiB more memory than may be used.", "Give the machine more memory, or free some.");

    /// <summary>What a write may use: what it can make use of, if the kernel has that much to give.</summary>
    public static long DefaultLimit()
    {
        const long forOthers = 16L << 20;
        foreach (var line in File.ReadLines("/proc/meminfo"))
        {
            if (line.StartsWith("MemAvailable:", StringComparison.Ordinal) && long.TryParse(line.AsSpan(13).Trim(" kB"), out var kibibytes))
                return Math.Min(WantedLimit, (kibibytes << 10) - forOthers);
        }
        return WantedLimit;
    }
}
