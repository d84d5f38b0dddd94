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
    private readonly PriorityQueue<int, long> _wanted = new();
    private readonly object _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Thread> _fetchers = [];
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
                    _wanted.Enqueue(number, use.Turn);
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
            chunk.Waiting++;
            if (chunk.State == ChunkState.Absent)
                _wanted.Enqueue(number, Now);
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
                while (connection.IsReady() && TryClaimRun(out var first, out var count))
                    FetchRun(connection, first, count);
                if (_stop.IsCancellationRequested)
                    return;
            }
            Fail(_mirrors.NoneLeft());
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

    private void FetchRun(SourceMirrors.Connection connection, int first, int count)
    {
        var end = first + count;
        var next = first;
        try
        {
            var isOpen = false;
            while (next < end && TryTakeSlot(next, end, out var slot))
            {
                var fetched = false;
                try
                {
                    if (!isOpen)
                        isOpen = connection.TryOpen(Layout.OffsetOf(next), Layout.OffsetOf(end - 1) + Layout.LengthOf(end - 1) - Layout.OffsetOf(next));
                    var data = slot.Buffer[..Layout.LengthOf(next)];
                    fetched = isOpen && connection.TryRead(data);
                    if (fetched && !_admit(next, data))
                    {
                        fetched = false;
                        connection.Reject($"its chunk {next} of the image file (bytes {Layout.OffsetOf(next)} to {Layout.OffsetOf(next) + data.Length}) is not what was signed");
                    }
                }
                finally
                {
                    Settle(next, slot, fetched);
                }
                if (!fetched)
                    return;
                connection.Succeeded();
                next++;
            }
        }
        finally
        {
            GiveBack(next, end);
        }
    }

    // Claims the chunk that is wanted first, and those after it in the file that are wanted too.
    private bool TryClaimRun(out int first, out int count)
    {
        (first, count) = (0, 0);
        lock (_gate)
        {
            while (!TryPeekWanted(out first, out _))
            {
                if (_failure is not null)
                    return false;
                Monitor.Wait(_gate);
            }
            if (_failure is not null)
                return false;
            _wanted.Dequeue();
            do
                _chunks[first + count++].State = ChunkState.Claimed;
            while (count < Math.Max(1, MaxRunBytes / Layout.ChunkSize)
                && _chunks.TryGetValue(first + count, out var next) && next.State == ChunkState.Absent && next.NextUse != Never);
            return true;
        }
    }

    // False: the run is to be given up, for something sooner or because all is over.
    private bool TryTakeSlot(int number, int end, out Slot slot)
    {
        lock (_gate)
        {
            while (_failure is null)
            {
                var due = Never;
                for (var i = number; i < end; i++)
                    due = Math.Min(due, _chunks[i].NextUse);
                slot = FindRoom(out var nextUse);
                if (slot is not null && nextUse > due)
                {
                    if (slot.Chunk >= 0)
                        Evict(slot);
                    slot.Chunk = number;
                    slot.Pins = 1;
                    return true;
                }
                if (due == Never || (TryPeekWanted(out _, out var wanted) && wanted < due))
                    break;
                Monitor.Wait(_gate);
            }
        }
        slot = null!;
        return false;
    }

    // An empty slot, or the one whose chunk is needed latest; null if all are held.
    private Slot FindRoom(out long nextUse)
    {
        Slot? room = null;
        nextUse = Now;
        foreach (var slot in _slots)
        {
            if (slot.Pins > 0)
                continue;
            var use = slot.Chunk < 0 ? Never : _chunks[slot.Chunk].NextUse;
            if (room is null || use > nextUse)
                (room, nextUse) = (slot, use);
        }
        return room!;
    }

    private void Settle(int number, Slot slot, bool fetched)
    {
        lock (_gate)
        {
            slot.Pins = 0;
            if (fetched)
            {
                var chunk = _chunks[number];
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

    private void GiveBack(int first, int end)
    {
        if (first == end)
            return;
        lock (_gate)
        {
            for (var number = first; number < end; number++)
            {
                var chunk = _chunks[number];
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
        if (chunk.NextUse == Never)
            _chunks.Remove(number);
        else
            _wanted.Enqueue(number, chunk.NextUse);
    }

    // The queue is mended here: what was fetched meanwhile falls out, what is needed later than it says moves back.
    private bool TryPeekWanted(out int number, out long turn)
    {
        while (_wanted.TryPeek(out number, out turn))
        {
            if (_chunks.TryGetValue(number, out var chunk) && chunk.State == ChunkState.Absent && chunk.NextUse != Never)
            {
                if (chunk.NextUse <= turn)
                    return true;
                _wanted.DequeueEnqueue(number, chunk.NextUse);
            }
            else
            {
                _wanted.Dequeue();
                if (chunk is { State: ChunkState.Absent, NextUse: Never })
                    _chunks.Remove(number);
            }
        }
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

    private sealed class Chunk
    {
        public ChunkState State;
        public Slot? Slot;
        public int Waiting;
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
