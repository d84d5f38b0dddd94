using System.Runtime.InteropServices;

namespace Baremetal.Imaging.Tests.Formats;

/// <summary>Compressors with the settings that qcow2 demands and .NET does not offer: deflate with a window of 4 KiB (QEMU inflates with no larger one), and zstd.</summary>
internal static partial class Compressors
{
    private const int WindowBits = -12;
    private const int Finish = 4;
    private const int StreamEnd = 1;

    public static unsafe byte[] Deflate(ReadOnlySpan<byte> data, int level, int strategy)
    {
        var output = new byte[data.Length + (data.Length / 8) + 1024];
        fixed (byte* input = data, room = output)
        {
            var stream = new ZStream { NextIn = (nint)input, AvailIn = (uint)data.Length, NextOut = (nint)room, AvailOut = (uint)output.Length };
            Assert.Equal(0, DeflateInit(ref stream, level, 8, WindowBits, 9, strategy, "1.2.11", sizeof(ZStream)));
            Assert.Equal(StreamEnd, DeflateRun(ref stream, Finish));
            _ = DeflateEnd(ref stream);
            return output[..(output.Length - (int)stream.AvailOut)];
        }
    }

    public static byte[] Zstd(ReadOnlySpan<byte> data, int level)
    {
        var output = new byte[data.Length + (data.Length / 8) + 1024];
        return output[..(int)ZstdCompress(output, (nuint)output.Length, data, (nuint)data.Length, level)];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ZStream
    {
        public nint NextIn;
        public uint AvailIn;
        public nuint TotalIn;
        public nint NextOut;
        public uint AvailOut;
        public nuint TotalOut;
        public nint Message;
        public nint State;
        public nint Allocate;
        public nint Free;
        public nint Opaque;
        public int DataType;
        public nuint Adler;
        public nuint Reserved;
    }

    [LibraryImport("libz.so.1", EntryPoint = "deflateInit2_", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int DeflateInit(ref ZStream stream, int level, int method, int windowBits, int memoryLevel, int strategy, string version, int size);

    [LibraryImport("libz.so.1", EntryPoint = "deflate")]
    private static partial int DeflateRun(ref ZStream stream, int flush);

    [LibraryImport("libz.so.1", EntryPoint = "deflateEnd")]
    private static partial int DeflateEnd(ref ZStream stream);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_compress")]
    private static partial nuint ZstdCompress(Span<byte> output, nuint room, ReadOnlySpan<byte> input, nuint length, int level);
}
