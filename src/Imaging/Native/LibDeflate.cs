using System.Runtime.InteropServices;

namespace Baremetal.Imaging.Native;

/// <summary>One decompressor of libdeflate (https://github.com/ebiggers/libdeflate); not for two threads at once.</summary>
internal sealed partial class LibDeflate : SafeHandle
{
    private const string Library = "libdeflate.so.0";

    public LibDeflate()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    public static LibDeflate Create()
    {
        var decompressor = new LibDeflate();
        decompressor.SetHandle(Allocate());
        return decompressor.IsInvalid ? throw new InvalidOperationException("libdeflate could not allocate a decompressor.") : decompressor;
    }

    /// <summary>Whether a raw deflate stream fills the output exactly. What follows the stream's end in the input is ignored.</summary>
    public bool TryDecompress(ReadOnlySpan<byte> input, Span<byte> output) =>
        Decompress(this, input, (nuint)input.Length, output, (nuint)output.Length, out _, out var written) == 0 && written == (nuint)output.Length;

    protected override bool ReleaseHandle()
    {
        Free(handle);
        return true;
    }

    [LibraryImport(Library, EntryPoint = "libdeflate_alloc_decompressor")]
    private static partial nint Allocate();

    [LibraryImport(Library, EntryPoint = "libdeflate_free_decompressor")]
    private static partial void Free(nint decompressor);

    [LibraryImport(Library, EntryPoint = "libdeflate_deflate_decompress_ex")]
    private static partial int Decompress(
        LibDeflate decompressor, ReadOnlySpan<byte> input, nuint inputLength, Span<byte> output, nuint outputLength, out nuint read, out nuint written);
}
