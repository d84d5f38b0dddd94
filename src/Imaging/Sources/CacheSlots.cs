using Baremetal.Imaging.Native;

namespace Baremetal.Imaging.Sources;

/// <summary>Room for one chunk.</summary>
internal sealed class CacheSlot(AlignedBuffer memory, int offset, int length)
{
    /// <summary>What it holds, or is filled with; null if it is empty. Under the cache's lock.</summary>
    public CachedChunk? Chunk { get; set; }

    /// <summary>Readers that hold it, or the fetcher that fills it: so long it stays what it is. Under the cache's lock.</summary>
    public int Pins { get; set; }

    public Span<byte> Buffer => memory.Span.Slice(offset, length);

    public ReadOnlySpan<byte> Data => Buffer;

    /// <summary>Pins it for a chunk that is about to be fetched.</summary>
    /// <returns>What it held and holds no more, or null.</returns>
    public CachedChunk? Reserve(CachedChunk chunk)
    {
        var evicted = Chunk;
        if (evicted is not null)
            evicted.Slot = null;
        (Chunk, Pins) = (chunk, 1);
        return evicted;
    }
}

/// <summary>The cache's memory, allocated once, and which of it may be had for a chunk: what is needed latest goes first.</summary>
internal sealed class CacheSlots : IDisposable
{
    private readonly AlignedBuffer _memory;
    private readonly CacheSlot[] _slots;

    public CacheSlots(int capacity, int chunkSize)
    {
        _memory = new AlignedBuffer(checked((capacity + 1) * chunkSize));
        _slots = new CacheSlot[capacity];
        for (var i = 0; i < capacity; i++)
            _slots[i] = new CacheSlot(_memory, i * chunkSize, chunkSize);
        Zero = new CacheSlot(_memory, capacity * chunkSize, chunkSize);
        // What is allocated holds what somebody else left there.
        Zero.Buffer.Clear();
    }

    /// <summary>For all chunks of zeros; beyond the capacity.</summary>
    public CacheSlot Zero { get; }

    /// <summary>How many slots are empty or hold what is needed later than that. Under the cache's lock.</summary>
    /// <param name="due">A turn.</param>
    /// <param name="latest">Of these, the one that is needed latest; null if there is none.</param>
    public int CountRoom(long due, out CacheSlot? latest)
    {
        latest = null;
        var (count, latestUse) = (0, due);
        foreach (var slot in _slots)
        {
            if (slot.Pins > 0)
                continue;
            var use = slot.Chunk?.NextUse ?? CachedChunk.Never;
            if (use <= due)
                continue;
            count++;
            // An empty one first: what nobody has announced yet, such as the file's start after its format is known, may be asked for again.
            if (latest is null || use > latestUse || (slot.Chunk is null && latest.Chunk is not null))
                (latest, latestUse) = (slot, use);
        }
        return count;
    }

    public void Dispose() => _memory.Dispose();
}
