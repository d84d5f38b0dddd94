namespace Baremetal.Imaging.Sources;

/// <summary>Chunks that follow each other in the file, which one fetcher has claimed and not yet fetched. Under the cache's lock.</summary>
internal sealed class FetchRun(int first, int end, MirrorConnection connection)
{
    public int Next { get; set; } = first;

    public int End => end;

    public MirrorConnection Connection => connection;
}

/// <summary>
/// Which fetcher gets which chunks, and room for them. A chunk is claimed by one; what a connection is too long at is fetched through another
/// mirror besides, and whoever has it first has it.
/// </summary>
internal sealed class FetchRuns : IDisposable
{
    // Long enough that a request costs nothing, short enough that the connections share the work in the order of the plan.
    private const int MaxRunBytes = 8 << 20;

    private readonly CacheGate _gate;
    private readonly WantedChunks _chunks;
    private readonly CacheSlots _slots;
    private readonly TimeProvider _time;
    private readonly int _maxCount;
    private readonly List<FetchRun> _runs = [];
    private readonly ITimer _overdue;

    public FetchRuns(CacheGate gate, WantedChunks chunks, CacheSlots slots, int chunkSize, TimeProvider time)
    {
        _gate = gate;
        _chunks = chunks;
        _slots = slots;
        _time = time;
        _maxCount = Math.Max(1, MaxRunBytes / chunkSize);
        _overdue = time.CreateTimer(_ => WakeAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Waits for work: what is overdue elsewhere, or the chunk that is wanted first and those after it in the file that are wanted too.</summary>
    /// <returns>Null: all is over.</returns>
    public FetchRun? Claim(MirrorConnection connection)
    {
        lock (_gate)
        {
            while (_gate.Failure is null)
            {
                if (TryFindOverdue(connection, out var overdue))
                    return Claim(overdue, 1, connection);
                if (_chunks.TryPeek(out var first, out _))
                {
                    _chunks.Dequeue();
                    var count = 1;
                    while (count < _maxCount && _chunks.IsWanted(first + count))
                        count++;
                    return Claim(first, count, connection);
                }
                _gate.Wait();
            }
            return null;
        }
    }

    /// <summary>
    /// Waits for room for a run's next chunk.
    /// <para>
    /// No deadlock, whatever the layout: a reader holds one chunk at most, a fetcher fills one, and there are more slots than both together, so
    /// some slot can always be had for a chunk that a reader waits for; a fetcher that would have to wait for room gives up its run if
    /// something sooner is wanted.
    /// </para>
    /// </summary>
    /// <returns>False: the run is to be given up, for something sooner or because all is over.</returns>
    public bool TryTakeSlot(FetchRun run, out CacheSlot slot)
    {
        lock (_gate)
        {
            while (_gate.Failure is null)
            {
                var due = DueOf(run);
                // What others have claimed for sooner will need room too: taking it now would throw out what was just fetched.
                var room = _slots.CountRoom(due, out var latest) - _runs.Sum(other => other == run ? 0 : CountSooner(other, due));
                if (latest is not null && (room > 0 || due == CachedChunk.Now))
                {
                    if (latest.Reserve(_chunks[run.Next]) is { } evicted)
                        _chunks.GiveBack(evicted);
                    slot = latest;
                    return true;
                }
                if (due == CachedChunk.Never || (_chunks.TryPeek(out _, out var wanted) && wanted < due) || TryFindOverdue(run.Connection, out _))
                    break;
                _gate.Wait();
            }
        }
        slot = null!;
        return false;
    }

    /// <summary>The run's next chunk is in its slot, or could not be fetched.</summary>
    public void Settle(FetchRun run, CacheSlot slot, bool isFetched)
    {
        lock (_gate)
        {
            slot.Pins = 0;
            var chunk = _chunks[run.Next];
            if (isFetched)
            {
                run.Next++;
                chunk.Claims--;
            }
            if (isFetched && chunk.State != FetchState.Present)
            {
                chunk.State = FetchState.Present;
                chunk.Slot = slot;
            }
            else
            {
                slot.Chunk = null;
            }
            _gate.WakeAll();
        }
    }

    /// <summary>Ends a run; what is left of it is wanted again.</summary>
    public void GiveBack(FetchRun run)
    {
        lock (_gate)
        {
            _runs.Remove(run);
            for (var number = run.Next; number < run.End; number++)
            {
                var chunk = _chunks[number];
                if (--chunk.Claims == 0 && chunk.State != FetchState.Present)
                    _chunks.GiveBack(chunk);
            }
            _gate.WakeAll();
        }
    }

    public void Dispose() => _overdue.Dispose();

    private FetchRun Claim(int first, int count, MirrorConnection connection)
    {
        for (var number = first; number < first + count; number++)
        {
            var chunk = _chunks[number];
            chunk.State = FetchState.Claimed;
            chunk.Claims++;
        }
        var run = new FetchRun(first, first + count, connection);
        _runs.Add(run);
        return run;
    }

    // A chunk that a reader has long waited for, and that a connection to another mirror alone is at. It is not taken from that one, which may
    // still be the first: both may be slow. Nothing is sooner; if nothing is overdue yet, all are woken when something will be.
    private bool TryFindOverdue(MirrorConnection connection, out int overdue)
    {
        var soonest = Timeout.InfiniteTimeSpan;
        foreach (var run in _runs.Where(run => !run.Connection.LeadsWhere(connection)))
        {
            for (var number = run.Next; number < run.End; number++)
            {
                var chunk = _chunks[number];
                if (chunk.Waiting == 0 || chunk.State != FetchState.Claimed || chunk.Claims > 1)
                    continue;
                var left = Pace.Enough - _time.GetElapsedTime(chunk.WaitedForSince);
                overdue = number;
                if (left <= TimeSpan.Zero)
                    return true;
                if (soonest == Timeout.InfiniteTimeSpan || left < soonest)
                    soonest = left;
            }
        }
        if (soonest != Timeout.InfiniteTimeSpan)
            _ = _overdue.Change(soonest, Timeout.InfiniteTimeSpan);
        overdue = -1;
        return false;
    }

    private void WakeAll()
    {
        lock (_gate)
            _gate.WakeAll();
    }

    private long DueOf(FetchRun run)
    {
        var due = CachedChunk.Never;
        for (var number = run.Next; number < run.End; number++)
            due = Math.Min(due, _chunks[number].NextUse);
        return due;
    }

    private int CountSooner(FetchRun run, long due)
    {
        var count = 0;
        for (var number = run.Next; number < run.End; number++)
            count += _chunks[number].NextUse < due ? 1 : 0;
        return count;
    }
}
