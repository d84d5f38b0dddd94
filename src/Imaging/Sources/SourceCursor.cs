using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>
/// One thread's view of the source: verified bytes at any offset. It holds at most one chunk, and a chunk that it has left is done with for
/// its use, so uses are read in ascending order.
/// </summary>
internal sealed class SourceCursor(SourceCache cache) : IDisposable
{
    private CacheSlot? _slot;
    private int _chunk = -1;
    private SourceUse? _use;

    public ChunkLayout Layout => cache.Layout;

    /// <summary>Plans a later use of some bytes, so that they are fetched ahead.</summary>
    public SourceUse Announce(long offset, int length)
    {
        var use = new SourceUse();
        for (var chunk = Layout.ChunkAt(offset); chunk <= Layout.ChunkAt(offset + length - 1); chunk++)
            use.Chunks.Add(chunk);
        cache.Expect(use);
        return use;
    }

    public void Begin(SourceUse use)
    {
        Leave();
        _use = use;
    }

    public void End()
    {
        Leave();
        if (_use is not null)
            cache.Complete(_use);
        _use = null;
    }

    /// <summary>The bytes from an offset on: as many as asked for, or up to the end of their chunk. They stay until the next call.</summary>
    public ReadOnlySpan<byte> Peek(long offset, int length)
    {
        var chunk = cache.Layout.ChunkAt(offset);
        if (_chunk != chunk)
        {
            Leave();
            _slot = cache.Pin(chunk);
            _chunk = chunk;
        }
        var at = (int)(offset - cache.Layout.OffsetOf(chunk));
        return _slot!.Data.Slice(at, Math.Min(length, cache.Layout.LengthOf(chunk) - at));
    }

    public void Read(long offset, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var bytes = Peek(offset, buffer.Length);
            bytes.CopyTo(buffer);
            offset += bytes.Length;
            buffer = buffer[bytes.Length..];
        }
    }

    public void Dispose() => End();

    private void Leave()
    {
        if (_slot is not null)
            cache.Unpin(_slot, _use);
        _slot = null;
        _chunk = -1;
    }
}
