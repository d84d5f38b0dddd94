using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// The disk chunks still to do, in the order of the disk. A window of them is planned ahead of the workers, so that the cache knows what is
/// needed when; whoever takes a chunk moves the window on.
/// </summary>
internal sealed class ChunkPlan(IDiskImage image, SourceCache cache, ChunkLayout disk, IEnumerable<int> chunks, Func<int, bool> isZero, int sourceChunksAhead) : IDisposable
{
    // What a window may hold besides: small clusters make many extents, empty disks many chunks.
    private const int MaxExtents = 64 << 10;
    private const int MaxChunks = 1024;

    private readonly IEnumerator<int> _chunks = chunks.GetEnumerator();
    private readonly Queue<PlannedChunk> _window = new();
    private readonly Stack<PlannedChunk> _spare = new();
    private readonly Lock _gate = new();
    private int _extents;
    private int _spareExtents;
    private int _sourceChunks;
    private bool _isEnded;

    public bool TryTake(out PlannedChunk chunk)
    {
        lock (_gate)
        {
            while (!_isEnded && (_window.Count == 0 || (_sourceChunks < sourceChunksAhead && _extents < MaxExtents && _window.Count < MaxChunks)))
                PlanNext();
            if (!_window.TryDequeue(out chunk!))
                return false;
            _extents -= chunk.Extents.Count;
            _sourceChunks -= chunk.Use.Chunks.Count;
            return true;
        }
    }

    /// <summary>The chunk is done with.</summary>
    public void Return(PlannedChunk chunk)
    {
        lock (_gate)
        {
            // A list keeps the room that it once needed. Where small clusters are, all of them would come to need it, one after the other.
            if (_spareExtents + chunk.Extents.Capacity > 2 * MaxExtents)
                return;
            _spareExtents += chunk.Extents.Capacity;
            _spare.Push(chunk);
        }
    }

    /// <summary>Nothing more is given out.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isEnded = true;
            _window.Clear();
        }
    }

    public void Dispose() => _chunks.Dispose();

    private void PlanNext()
    {
        if (!_chunks.MoveNext())
        {
            _isEnded = true;
            return;
        }
        var number = _chunks.Current;
        var chunk = new PlannedChunk();
        if (_spare.TryPop(out var spare))
        {
            chunk = spare;
            _spareExtents -= spare.Extents.Capacity;
        }
        chunk.Plan(number, disk.OffsetOf(number), disk.LengthOf(number), isZero(number), image, cache.Layout.ChunkSize);
        cache.Expect(chunk.Use);
        _window.Enqueue(chunk);
        _extents += chunk.Extents.Count;
        _sourceChunks += chunk.Use.Chunks.Count;
    }
}
