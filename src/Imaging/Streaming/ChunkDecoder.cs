using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Native;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>One worker's way from source bytes to disk bytes.</summary>
internal sealed class ChunkDecoder(SourceCache cache, int maxCompressedLength) : IDisposable
{
    private readonly SourceCursor _source = new(cache);
    private readonly byte[] _gather = new byte[maxCompressedLength];
    private LibDeflate? _deflate;
    private LibZstd? _zstd;

    /// <summary>Fills a chunk's bytes. The buffer has a whole chunk's length: the last cluster may decode to more than the disk has.</summary>
    /// <returns>Null if all is well.</returns>
    public Rejection? Fill(PlannedChunk chunk, Span<byte> buffer)
    {
        foreach (var (at, length) in chunk.Gaps)
            buffer.Slice(at, length).Clear();
        _source.Begin(chunk.Use);
        try
        {
            foreach (var extent in chunk.Extents)
            {
                if (extent.Codec == Codec.Plain)
                    _source.Read(extent.Source, buffer.Slice(extent.At, extent.Length));
                else if (!TryDecompress(extent, buffer.Slice(extent.At, extent.Length)))
                    return new Rejection($"The compressed cluster for byte {chunk.Offset + extent.At} of the disk (byte {extent.Source} of the image file) does not decode to {extent.Length} bytes.", "The image is damaged: make it again and sign it anew.");
            }
        }
        finally
        {
            _source.End();
        }
        return null;
    }

    public void Dispose()
    {
        _source.Dispose();
        _deflate?.Dispose();
        _zstd?.Dispose();
    }

    private bool TryDecompress(Extent extent, Span<byte> output)
    {
        var input = _source.Peek(extent.Source, extent.SourceLength);
        if (input.Length < extent.SourceLength)
        {
            // It straddles source chunks, and only one is held at a time.
            _source.Read(extent.Source, _gather.AsSpan(0, extent.SourceLength));
            input = _gather.AsSpan(0, extent.SourceLength);
        }
        return extent.Codec == Codec.Deflate
            ? (_deflate ??= LibDeflate.Create()).TryDecompress(input, output)
            : (_zstd ??= LibZstd.Create()).TryDecompress(input, output);
    }
}
