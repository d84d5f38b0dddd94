using Baremetal.Imaging.Native;
using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>Whether these are the chunk's bytes. Asked once for each chunk that is fetched, before anything reads it.</summary>
internal delegate bool AdmitChunk(int chunk, ReadOnlySpan<byte> data);

/// <summary>
/// The only door to the image file's bytes: whole chunks, verified on entry, fetched ahead of their planned uses by threads that read long
/// ranges, and evicted by farthest next use.
/// <para>
/// No deadlock, whatever the layout: a reader holds one chunk at most, a fetcher fills one, and there are more slots than both together, so
/// some slot can always be had for a chunk that a reader waits for; a fetcher that would have to wait for room gives up its range if
/// something sooner is wanted.
/// </para>
/// <para>
/// What a connection is too long at is fetched through another mirror besides; whoever has it first has it.
/// </para>
/// </summary>
internal sealed class SourceCache : IDisposable
{
    private const long Now = -1;
    private const long Never = long.MaxValue;

    // Long enough that a request costs nothing, short enough that the connections share the work in the order of the plan.
    private const int MaxRunBytes = 8 << 20;

    private readonly AdmitChunk _admit;
    private readonly Func<int, bool> _isZero;
    private readonly SourceMirrors _mirrors;
    private readonly AlignedBuffer _memory;
    private readonly Slot[] _slots;
    private readonly Slot _zero;
    private readonly Dictionary<int, Chunk> _chunks = [];

    // What is wanted at once comes in the file's order: a run that began in its middle would leave the rest to a request of its own.
    private readonly PriorityQueue<int, (long Turn, int Chunk)> _wanted = new();
    private readonly object _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Thread> _fetchers = [];
    private readonly List<Run> _runs = [];
    private readonly ITimer _overdue;
    private long _nextTurn;
    private Exception? _failure;

    /// <param name="mirrors">Where the bytes come from.</param>
    /// <param name="layout">The source's chunks.</param>
    /// <param name="admit">The check on entry.</param>
    /// <param name="isZero">Chunks known to be all zeros; they are never fetched.</param>
    /// <param name="capacity">Chunks held; more than readers and connections together.</param>
    /// <param name="connections">Threads that fetch.</param>
    public SourceCache(SourceMirrors mirrors, ChunkLayout layout, AdmitChunk admit, Func<int, bool> isZero, int capacity, int connections)
    {
        Layout = layout;
        _mirrors = mirrors;
        _admit = admit;
        _isZero = isZero;
        _memory = new AlignedBuffer(checked((capacity + 1) * layout.ChunkSize));
        _slots = new Slot[capacity];
        for (var i = 0; i < capacity; i++)
            _slots[i] = new Slot(_memory, i * layout.ChunkSize, layout.ChunkSize);
        _zero = new Slot(_memory, capacity * layout.ChunkSize, layout.ChunkSize);
        // What is allocated holds what somebody else left there.
        _zero.Buffer.Clear();
        _overdue = mirrors.Time.CreateTimer(_ => WakeAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        for (var i = 0; i < connections; i++)
        {
            var first = i;
            var thread = new Thread(() => Fetch(first)) { IsBackground = true, Name = $"fetch {i}" };
            _fetchers.Add(thread);
            thread.Start();
        }
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
                var chunk = ChunkOf(number);
                chunk.Uses.Enqueue(use.Turn);
                if (chunk.Uses.Count == 1 && chunk.State == ChunkState.Absent)
                    _wanted.Enqueue(number, (use.Turn, number));
            }
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends a use, whether it read all that it announced or not.</summary>
    public void Complete(SourceUse use)
    {
        lock (_gate)
        {
            foreach (var number in use.Chunks)
            {
                if (_chunks.TryGetValue(number, out var chunk))
                    EndUse(chunk, use.Turn);
            }
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until a chunk is here, and keeps it until it is unpinned.</summary>
    public Slot Pin(int number)
    {
        if (_isZero(number))
            return _zero;
        lock (_gate)
        {
            var chunk = ChunkOf(number);
            if (chunk.Waiting++ == 0 && chunk.State != ChunkState.Present)
                chunk.WaitedForSince = _mirrors.Time.GetTimestamp();
            if (chunk.State == ChunkState.Absent)
                _wanted.Enqueue(number, (Now, number));
            if (chunk.State != ChunkState.Present)
                Monitor.PulseAll(_gate);
            while (chunk.State != ChunkState.Present)
            {
                if (_failure is not null)
                    throw _failure is OperationCanceledException ? new OperationCanceledException() : SourceException.Permanent(_failure.Message, _failure);
                Monitor.Wait(_gate);
            }
            chunk.Waiting--;
            chunk.Slot!.Pins++;
            return chunk.Slot;
        }
    }

    /// <summary>Lets go of a chunk; the use that it was read for, if any, has no more need of it.</summary>
    public void Unpin(Slot slot, SourceUse? use)
    {
        if (slot == _zero)
            return;
        lock (_gate)
        {
            slot.Pins--;
            if (use is not null)
                EndUse(_chunks[slot.Chunk], use.Turn);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Makes every wait end: a reader that waits now or later gets this failure.</summary>
    public void Fail(Exception failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
            Monitor.PulseAll(_gate);
        }
        _stop.Cancel();
    }

    public void Dispose()
    {
        Fail(new OperationCanceledException());
        foreach (var fetcher in _fetchers)
            fetcher.Join();
        _overdue.Dispose();
        _stop.Dispose();
        _memory.Dispose();
    }

    private void Fetch(int thread)
    {
        try
        {
            while (_mirrors.TryConnect(thread, _stop.Token) is { } mirror)
            {
                using var connection = mirror;
                while (connection.IsReady() && ClaimRun(connection) is { } run)
                    FetchRun(connection, run);
                if (_stop.IsCancellationRequested)
                    return;
            }
            // A mirror that gives the file only whole is read by another thread alone, which goes on.
            if (_mirrors.NoneLeft() is { } failure)
                Fail(failure);
        }
        catch (OperationCanceledException)
        {
            // The one who cancelled knows why.
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void FetchRun(SourceMirrors.Connection connection, Run run)
    {
        try
        {
            var isOpen = false;
            while (run.Next < run.End && TryTakeSlot(run, out var slot))
            {
                var (number, fetched) = (run.Next, false);
                try
                {
                    if (!isOpen)
                        isOpen = connection.TryOpen(Layout.OffsetOf(number), Layout.OffsetOf(run.End - 1) + Layout.LengthOf(run.End - 1) - Layout.OffsetOf(number));
                    var data = slot.Buffer[..Layout.LengthOf(number)];
                    fetched = isOpen && connection.TryRead(data);
                    if (fetched && !_admit(number, data))
                    {
                        fetched = false;
                        connection.Reject($"its chunk {number} of the image file (bytes {Layout.OffsetOf(number)} to {Layout.OffsetOf(number) + data.Length}) is not what was signed");
                    }
                }
                finally
                {
                    Settle(run, slot, fetched);
                }
                if (!fetched)
                    return;
                connection.Succeeded();
            }
        }
        finally
        {
            GiveBack(run);
        }
    }

    // Claims the chunk that is wanted first, and those after it in the file that are wanted too. Null: all is over.
    private Run? ClaimRun(SourceMirrors.Connection connection)
    {
        lock (_gate)
        {
            int first;
            while (!TryPeekWanted(out first, out _))
            {
                if (_failure is not null)
                    return null;
                if (TryFindOverdue(connection, out var overdue))
                    return Claim(overdue, 1, connection);
                Monitor.Wait(_gate);
            }
            if (_failure is not null)
                return null;
            if (TryFindOverdue(connection, out var sooner))
                return Claim(sooner, 1, connection);
            _wanted.Dequeue();
            var count = 1;
            while (count < Math.Max(1, MaxRunBytes / Layout.ChunkSize)
                && _chunks.TryGetValue(first + count, out var next) && next.State == ChunkState.Absent && next.NextUse != Never)
                count++;
            return Claim(first, count, connection);
        }
    }

    // A chunk that a reader has long waited for, and that a connection to another mirror alone is at. It is not taken from that one, which may
    // still be the first: both may be slow. Nothing is sooner; if nothing is overdue yet, all are woken when something will be.
    private bool TryFindOverdue(SourceMirrors.Connection connection, out int overdue)
    {
        var soonest = Timeout.InfiniteTimeSpan;
        foreach (var run in _runs.Where(run => !run.Connection.LeadsWhere(connection)))
        {
            for (var number = run.Next; number < run.End; number++)
            {
                var chunk = _chunks[number];
                if (chunk.Waiting == 0 || chunk.State != ChunkState.Claimed || chunk.Claims > 1)
                    continue;
                var left = Pace.Enough - _mirrors.Time.GetElapsedTime(chunk.WaitedForSince);
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

    private Run Claim(int first, int count, SourceMirrors.Connection connection)
    {
        for (var number = first; number < first + count; number++)
        {
            _chunks[number].State = ChunkState.Claimed;
            _chunks[number].Claims++;
        }
        var run = new Run(first, first + count, connection);
        _runs.Add(run);
        return run;
    }

    private void WakeAll()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    // False: the run is to be given up, for something sooner or because all is over.
    private bool TryTakeSlot(Run run, out Slot slot)
    {
        lock (_gate)
        {
            while (_failure is null)
            {
                var due = DueOf(run);
                // What others have claimed for sooner will need room too: taking it now would throw out what was just fetched.
                var room = CountRoom(due, out slot) - _runs.Sum(other => other == run ? 0 : CountSooner(other, due));
                if (slot is not null && (room > 0 || due == Now))
                {
                    if (slot.Chunk >= 0)
                        Evict(slot);
                    slot.Chunk = run.Next;
                    slot.Pins = 1;
                    return true;
                }
                if (due == Never || (TryPeekWanted(out _, out var wanted) && wanted < due) || TryFindOverdue(run.Connection, out _))
                    break;
                Monitor.Wait(_gate);
            }
        }
        slot = null!;
        return false;
    }

    private long DueOf(Run run)
    {
        var due = Never;
        for (var number = run.Next; number < run.End; number++)
            due = Math.Min(due, _chunks[number].NextUse);
        return due;
    }

    private int CountSooner(Run run, long due)
    {
        var count = 0;
        for (var number = run.Next; number < run.End; number++)
            count += _chunks[number].NextUse < due ? 1 : 0;
        return count;
    }

    // How many slots are empty or hold what is needed later than that; of these, the one that is needed latest.
    private int CountRoom(long due, out Slot latest)
    {
        Slot? found = null;
        var (count, latestUse) = (0, due);
        foreach (var slot in _slots)
        {
            if (slot.Pins > 0)
                continue;
            var use = slot.Chunk < 0 ? Never : _chunks[slot.Chunk].NextUse;
            if (use <= due)
                continue;
            count++;
            // An empty one first: what nobody has announced yet, such as the file's start after its format is known, may be asked for again.
            if (found is null || use > latestUse || (slot.Chunk < 0 && found.Chunk >= 0))
                (found, latestUse) = (slot, use);
        }
        latest = found!;
        return count;
    }

    private void Settle(Run run, Slot slot, bool fetched)
    {
        lock (_gate)
        {
            slot.Pins = 0;
            var chunk = _chunks[run.Next];
            if (fetched)
            {
                run.Next++;
                chunk.Claims--;
            }
            if (fetched && chunk.State != ChunkState.Present)
            {
                chunk.State = ChunkState.Present;
                chunk.Slot = slot;
            }
            else
            {
                slot.Chunk = -1;
            }
            Monitor.PulseAll(_gate);
        }
    }

    private void GiveBack(Run run)
    {
        lock (_gate)
        {
            _runs.Remove(run);
            for (var number = run.Next; number < run.End; number++)
            {
                var chunk = _chunks[number];
                if (--chunk.Claims > 0 || chunk.State == ChunkState.Present)
                    continue;
                chunk.State = ChunkState.Absent;
                Want(number, chunk);
            }
            Monitor.PulseAll(_gate);
        }
    }

    private void Evict(Slot slot)
    {
        var chunk = _chunks[slot.Chunk];
        chunk.State = ChunkState.Absent;
        chunk.Slot = null;
        Want(slot.Chunk, chunk);
        slot.Chunk = -1;
    }

    private void Want(int number, Chunk chunk)
    {
        if (chunk.NextUse != Never)
            _wanted.Enqueue(number, (chunk.NextUse, number));
        else if (chunk.Claims == 0)
            _chunks.Remove(number);
    }

    // The queue is mended here: what was fetched meanwhile falls out, what is needed later than it says moves back.
    private bool TryPeekWanted(out int number, out long turn)
    {
        while (_wanted.TryPeek(out number, out var priority))
        {
            turn = priority.Turn;
            if (_chunks.TryGetValue(number, out var chunk) && chunk.State == ChunkState.Absent && chunk.NextUse != Never)
            {
                if (chunk.NextUse <= turn)
                    return true;
                _wanted.DequeueEnqueue(number, (chunk.NextUse, number));
            }
            else
            {
                _wanted.Dequeue();
                if (chunk is { State: ChunkState.Absent, NextUse: Never, Claims: 0 })
                    _chunks.Remove(number);
            }
        }
        (number, turn) = (-1, Never);
        return false;
    }

    private Chunk ChunkOf(int number)
    {
        if (!_chunks.TryGetValue(number, out var chunk))
            _chunks.Add(number, chunk = new Chunk());
        return chunk;
    }

    private static void EndUse(Chunk chunk, long turn)
    {
        // Nearly always the first: workers finish almost in the order in which they began.
        var count = chunk.Uses.Count;
        for (var i = 0; i < count; i++)
        {
            var use = chunk.Uses.Dequeue();
            if (use != turn)
                chunk.Uses.Enqueue(use);
        }
    }

    private enum ChunkState
    {
        Absent,
        Claimed,
        Present,
    }

    // Chunks that one fetcher has claimed and not yet fetched.
    private sealed class Run(int first, int end, SourceMirrors.Connection connection)
    {
        public int Next = first;

        public int End => end;

        public SourceMirrors.Connection Connection => connection;
    }

    private sealed class Chunk
    {
        public ChunkState State;
        public Slot? Slot;
        public int Waiting;
        public long WaitedForSince;

        // Runs that it is in: two, if it was overdue in one.
        public int Claims;

        public Queue<long> Uses { get; } = new(1);

        public long NextUse => Waiting > 0 ? Now : Uses.TryPeek(out var turn) ? turn : Never;
    }

    /// <summary>Room for one chunk.</summary>
    internal sealed class Slot(AlignedBuffer memory, int offset, int length)
    {
        public int Chunk = -1;
        public int Pins;

        public Span<byte> Buffer => memory.Span.Slice(offset, length);

        public ReadOnlySpan<byte> Data => Buffer;
    }
}
