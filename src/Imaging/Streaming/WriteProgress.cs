namespace Baremetal.Imaging.Streaming;

public enum WritePhase
{
    /// <summary>Checking all that can be checked; nothing is touched yet.</summary>
    Checking,

    /// <summary>Comparing what the disk holds already.</summary>
    Comparing,

    /// <summary>The disk erases itself.</summary>
    Erasing,

    /// <summary>Zeroing what the image has no data for: before the data, or what is left of it after them (see <see cref="Targets.IBlockTarget.ZerosBesideData"/>).</summary>
    Zeroing,

    /// <summary>Writing data, and the gaps beside them on a disk that can do both at once.</summary>
    Writing,

    /// <summary>Reading all back.</summary>
    ReadingBack,

    /// <summary>Writing the ends, LBA 0 last.</summary>
    Finishing,

    Done,
}

/// <summary>How far a write is. Written by it, read by anyone at any time.</summary>
public sealed class WriteProgress
{
    private long _done;
    private long _total;
    private long _written;
    private long _zeroed;
    private long _reused;
    private volatile Func<long> _wire = () => 0;
    private volatile ChunkMap? _map;
    private volatile Func<string?> _remark = () => null;
    private volatile WritePhase _phase;
    private long _quiet;

    public WritePhase Phase
    {
        get => _phase;
        internal set => _phase = value;
    }

    /// <summary>Bytes of disk that this phase is done with; of the image's tables, while they are checked.</summary>
    public long DoneBytes => Interlocked.Read(ref _done);

    /// <summary>Bytes of disk, or of tables, in this phase.</summary>
    public long TotalBytes => Interlocked.Read(ref _total);

    /// <summary>How long the disk may say nothing of how far it is, from when that began; null if it tells.</summary>
    public TimeSpan? MayBeSilent => Interlocked.Read(ref _quiet) is > 0 and var ticks ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Why it takes longer than it might, in a sentence; or null.</summary>
    public string? Remark => _remark();

    /// <summary>Bytes read from the sources.</summary>
    public long WireBytes => _wire();

    public long WrittenBytes => Interlocked.Read(ref _written);

    public long ZeroedBytes => Interlocked.Read(ref _zeroed);

    /// <summary>Bytes that the disk held already.</summary>
    public long ReusedBytes => Interlocked.Read(ref _reused);

    /// <summary>Which parts of the disk are done and how, one letter a cell (see <see cref="ChunkStrip"/>); null until the disk is known.</summary>
    public string? Map => _map?.ToString();

    internal void Cover(int chunks) => _map = new ChunkMap(chunks);

    internal void Begin(WritePhase phase, long total)
    {
        Interlocked.Exchange(ref _done, 0);
        Interlocked.Exchange(ref _quiet, 0);
        Interlocked.Exchange(ref _total, total);
        _phase = phase;
    }

    /// <summary>So much of the phase is through, as the disk itself says.</summary>
    internal void Reach(long bytes) => Interlocked.Exchange(ref _done, bytes);

    internal void BeSilentFor(TimeSpan most) => Interlocked.Exchange(ref _quiet, most.Ticks);

    internal void CountWireBy(Func<long> wire) => _wire = wire;

    internal void RemarkBy(Func<string?> remark) => _remark = remark;

    internal void Done(long bytes) => Interlocked.Add(ref _done, bytes);

    internal void Written(int chunk, long bytes)
    {
        Interlocked.Add(ref _written, bytes);
        _map?.Count(chunk, ChunkState.Written);
    }

    internal void Zeroed(int first, int count, long bytes)
    {
        Interlocked.Add(ref _zeroed, bytes);
        // Beside the data they are not what is waited for.
        if (_phase == WritePhase.Zeroing)
            Done(bytes);
        for (var chunk = first; chunk < first + count; chunk++)
            _map?.Count(chunk, ChunkState.Zeroed);
    }

    internal void Reused(int chunk, long bytes)
    {
        Interlocked.Add(ref _reused, bytes);
        _map?.Count(chunk, ChunkState.Held);
    }

    internal void ReadBack(int chunk) => _map?.Count(chunk, ChunkState.ReadBack);

    /// <summary>The ends are written: what lies beyond the image too, so that their bytes are more than their chunks'.</summary>
    /// <param name="chunks">The image's own among them.</param>
    /// <param name="bytes">Of all ends.</param>
    /// <param name="isReadBack">Whether the rest was read back as they were.</param>
    internal void Ended(IEnumerable<int> chunks, long bytes, bool isReadBack)
    {
        Interlocked.Add(ref _written, bytes);
        foreach (var chunk in chunks)
        {
            _map?.Count(chunk, ChunkState.Written);
            if (isReadBack)
                ReadBack(chunk);
        }
    }
}
