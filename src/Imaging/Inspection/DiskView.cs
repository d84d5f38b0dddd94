using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;

namespace Baremetal.Imaging.Inspection;

/// <summary>The decoded disk, read here and there: for looking at it, not for writing it.</summary>
internal sealed class DiskView(IDiskImage image, SourceCache cache) : IDisposable
{
    private const int SmallestBlock = 64 << 10;

    private readonly ChunkDecoder _decoder = new(cache, image.MaxCompressedLength);
    private readonly byte[] _block = new byte[Math.Max(SmallestBlock, image.Granularity)];
    private readonly PlannedChunk _planned = new();
    private long _blockAt = -1;

    /// <summary>Fills the buffer. False beyond the disk's end, or where a cluster does not decode.</summary>
    public bool TryRead(long offset, Span<byte> buffer)
    {
        if (offset < 0 || offset > image.DiskSize - buffer.Length)
            return false;
        while (buffer.Length > 0)
        {
            if (!TryLoad(offset - (offset % _block.Length)))
                return false;
            var bytes = _block.AsSpan((int)(offset - _blockAt));
            bytes = bytes[..Math.Min(bytes.Length, buffer.Length)];
            bytes.CopyTo(buffer);
            offset += bytes.Length;
            buffer = buffer[bytes.Length..];
        }
        return true;
    }

    public void Dispose() => _decoder.Dispose();

    private bool TryLoad(long at)
    {
        if (_blockAt == at)
            return true;
        _blockAt = -1;
        _planned.Plan(0, at, _block.Length, isZero: false, image, cache.Layout.ChunkSize);
        cache.Expect(_planned.Use);
        if (_decoder.Fill(_planned, _block) is not null)
            return false;
        _blockAt = at;
        return true;
    }
}
