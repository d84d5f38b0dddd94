using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>
/// The only door to the image file's bytes: whole chunks, verified on entry, fetched ahead of their planned uses by threads that read long
/// ranges, and evicted by farthest next use. This is the readers' side of it.
/// <code>
///  readers             → SourceCache ─┬→ WantedChunks   what is wanted, and which of it first
///  SourceFetcher × few → FetchRuns   ─┴→ CacheSlots     the room for it, and who has to go
/// </code>
/// All of it is under one lock, <see cref="CacheGate"/>; why nobody waits there for ever, <see cref="FetchRuns.TryTakeSlot"/> says.
/// </summary>
internal sealed class SourceCache : IDisposable
{
    private readonly Func<int, bool> _isZero;
    private readonly TimeProvider _time;
    private readonly CacheGate _gate = new();
    private readonly WantedChunks _chunks = new();
    private readonly CacheSlots _slots;
    private readonly FetchRuns _runs;
    private readonly SourceFetcher[] _fetchers;
    private long _nextTurn;

    /// <param name="mirrors">Where the bytes come from.</param>
    /// <param name="layout">The source's chunks.</param>
    /// <param name="admit">The check on entry.</param>
    /// <param name="isZero">Chunks known to be all zeros; they are never fetched.</param>
    /// <param name="capacity">Chunks held; more than readers and connections together.</param>
    /// <param name="connections">Threads that fetch.</param>
    public SourceCache(SourceMirrors mirrors, ChunkLayout layout, AdmitChunk admit, Func<int, bool> isZero, int capacity, int connections)
    {
        Layout = layout;
        _isZero = isZero;
        _time = mirrors.Time;
        _slots = new CacheSlots(capacity, layout.ChunkSize);
        _runs = new FetchRuns(_gate, _chunks, _slots, layout.ChunkSize, mirrors.Time);
        _fetchers = new SourceFetcher[connections];
        for (var i = 0; i < connections; i++)
            _fetchers[i] = new SourceFetcher(i, mirrors, layout, admit, _runs, _gate);
    }

    public ChunkLayout Layout { get; }

    /// <summary>Announces a use; it follows all that were announced before.</summary>
    public void Expect(SourceUse use)
    {
        lock (_gate)
        {
            use.Turn = _nextTurn++;
            foreach (var number in use.Chunks)
            {
                if (_isZero(number))
                    continue;
                var chunk = _chunks.GetOrAdd(number);
                chunk.BeginUse(use.Turn);
                if (chunk.Uses == 1 && chunk.State == FetchState.Absent)
                    _chunks.Want(chunk, use.Turn);
            }
            _gate.WakeAll();
        }
    }

    /// <summary>Ends a use, whether it read all that it announced or not.</summary>
    public void Complete(SourceUse use)
    {
        lock (_gate)
        {
            foreach (var number in use.Chunks)
            {
                if (_chunks.TryGet(number, out var chunk))
                    chunk.EndUse(use.Turn);
            }
            _gate.WakeAll();
        }
    }

    /// <summary>Waits until a chunk is here, and keeps it until it is unpinned.</summary>
    public CacheSlot Pin(int number)
    {
        if (_isZero(number))
            return _slots.Zero;
        lock (_gate)
        {
            var chunk = _chunks.GetOrAdd(number);
            if (chunk.Waiting++ == 0 && chunk.State != FetchState.Present)
                chunk.WaitedForSince = _time.GetTimestamp();
            if (chunk.State == FetchState.Absent)
                _chunks.Want(chunk, CachedChunk.Now);
            if (chunk.State != FetchState.Present)
                _gate.WakeAll();
            while (chunk.State != FetchState.Present)
            {
                if (_gate.Failure is { } failure)
                    throw failure is OperationCanceledException ? new OperationCanceledException() : SourceException.Permanent(failure.Message, failure);
                _gate.Wait();
            }
            chunk.Waiting--;
            chunk.Slot!.Pins++;
            return chunk.Slot;
        }
    }

    /// <summary>Lets go of a chunk; the use that it was read for, if any, has no more need of it.</summary>
    public void Unpin(CacheSlot slot, SourceUse? use)
    {
        if (slot == _slots.Zero)
            return;
        lock (_gate)
        {
            slot.Pins--;
            if (use is not null)
                slot.Chunk!.EndUse(use.Turn);
            _gate.WakeAll();
        }
    }

    /// <summary>Makes every wait end: a reader that waits now or later gets this failure.</summary>
    public void Fail(Exception failure) => _gate.Fail(failure);

    public void Dispose()
    {
        Fail(new OperationCanceledException());
        foreach (var fetcher in _fetchers)
            fetcher.Join();
        _runs.Dispose();
        _gate.Dispose();
        _slots.Dispose();
    }
}
