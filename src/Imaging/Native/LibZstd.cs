using System.Runtime.InteropServices;

namespace Baremetal.Imaging.Native;

/// <summary>One decompression context of libzstd (RFC 8878); not for two threads at once.</summary>
internal sealed partial class LibZstd : SafeHandle
{
    private const string Library = "libzstd.so.1";

    public LibZstd()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    public static LibZstd Create()
    {
        var context = new LibZstd();
        context.SetHandle(Allocate());
        return context.IsInvalid ? throw new InvalidOperationException("libzstd could not allocate a context.") : context;
    }

    /// <summary>Whether one or more frames fill the output exactly. What follows them in the input (qcow2 pads to whole sectors) is ignored.</summary>
    public bool TryDecompress(ReadOnlySpan<byte> input, Span<byte> output)
    {
        while (output.Length > 0)
        {
            var frame = FindFrame(input, (nuint)input.Length);
            if (IsError(frame) != 0)
                return false;
            var written = Decompress(this, output, (nuint)output.Length, input, frame);
            if (IsError(written) != 0)
                return false;
            input = input[(int)frame..];
            output = output[(int)written..];
        }
        return true;
    }

    protected override bool ReleaseHandle()
    {
        _ = Free(handle);
        return true;
    }

    [LibraryImport(Library, EntryPoint = "ZSTD_createDCtx")]
    private static partial nint Allocate();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDCtx")]
    private static partial nuint Free(nint context);

    [LibraryImport(Library, EntryPoint = "ZSTD_findFrameCompressedSize")]
    private static partial nuint FindFrame(ReadOnlySpan<byte> input, nuint length);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressDCtx")]
    private static partial nuint Decompress(LibZstd context, Span<byte> output, nuint outputLength, ReadOnlySpan<byte> input, nuint inputLength);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    private static partial uint IsError(nuint code);
}
