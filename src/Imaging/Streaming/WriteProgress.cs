namespace Baremetal.Imaging.Streaming;

public enum WritePhase
{
    /// <summary>Checking all that can be checked; nothing is touched yet.</summary>
    Checking,

    /// <summary>Comparing what the disk holds already.</summary>
    Comparing,

    /// <summary>Zeroing what the image has no data for; from here on the disk does not boot.</summary>
    Zeroing,

    /// <summary>Writing data.</summary>
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
    private volatile WritePhase _phase;

    public WritePhase Phase
    {
        get => _phase;
        internal set => _phase = value;
    }

    /// <summary>Bytes of disk that this phase is done with; of the image's tables, while they are checked.</summary>
    public long DoneBytes => Interlocked.Read(ref _done);

    /// <summary>Bytes of disk, or of tables, in this phase.</summary>
    public long TotalBytes => Interlocked.Read(ref _total);

    /// <summary>Bytes read from the sources.</summary>
    public long WireBytes => _wire();

    public long WrittenBytes => Interlocked.Read(ref _written);

    public long ZeroedBytes => Interlocked.Read(ref _zeroed);

    /// <summary>Bytes that the disk held already.</summary>
    public long ReusedBytes => Interlocked.Read(ref _reused);

    internal void Begin(WritePhase phase, long total)
    {
        Interlocked.Exchange(ref _done, 0);
        Interlocked.Exchange(ref _total, total);
        _phase = phase;
    }

    internal void CountWireBy(Func<long> wire) => _wire = wire;

    internal void Done(long bytes) => Interlocked.Add(ref _done, bytes);

    internal void Written(long bytes) => Interlocked.Add(ref _written, bytes);

    internal void Zeroed(long bytes) => Interlocked.Add(ref _zeroed, bytes);

    internal void Reused(long bytes) => Interlocked.Add(ref _reused, bytes);
}
