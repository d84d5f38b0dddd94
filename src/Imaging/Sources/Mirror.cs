namespace Baremetal.Imaging.Sources;

/// <summary>Whether a dropped mirror is taken back when no other is left; the lesser wins.</summary>
internal enum MirrorReturn
{
    Never,
    WhilePatient,
    Always,
}

/// <summary>
/// One place, and what its connections found out about it. The properties are for whoever compares the mirrors, and holds their one lock
/// meanwhile; the methods take it.
/// </summary>
internal sealed class Mirror(IByteSource source, Lock gate, TimeProvider time)
{
    private readonly List<MirrorConnection> _connections = [];
    private long _failingSince;

    // By connections that are no more.
    private long _receivedBefore;

    // In waits that have ended.
    private TimeSpan _waitedBefore;

    // Where the pace is measured from.
    private Pace _begun;

    public string Name => source.Name;

    /// <summary>Why it is not used, or null.</summary>
    public string? Dropped { get; private set; }

    /// <summary>Has a meaning only while it is dropped.</summary>
    public MirrorReturn Return { get; private set; }

    /// <summary>Since its last success.</summary>
    public int Failures { get; private set; }

    /// <summary>The newest of these, as a sentence.</summary>
    public string? LastFailure { get; private set; }

    /// <summary>Since the first of these.</summary>
    public TimeSpan FailingFor => time.GetElapsedTime(_failingSince);

    /// <summary>One that was not asked yet has not failed, and one that was only too slow has not either.</summary>
    public bool MayServe => Dropped is null ? Failures == 0 : Return == MirrorReturn.Always;

    /// <summary>It does not answer ranges.</summary>
    public bool GivesWhole { get; private set; }

    /// <summary>The one connection that reads it, if it gives the file only whole.</summary>
    public MirrorConnection? Reader { get; private set; }

    public bool IsTaken => GivesWhole && _connections.Count > 0;

    public IReadOnlyList<MirrorConnection> Connections => _connections;

    /// <summary>Bytes that came from it, refused ones included.</summary>
    public long Received => _receivedBefore + _connections.Sum(connection => connection.Received);

    public Pace Pace => Total - _begun;

    private Pace Total => new(Received, _waitedBefore + _connections.Aggregate(TimeSpan.Zero, (sum, connection) => sum + WaitOf(connection)));

    public bool IsDropped()
    {
        lock (gate)
            return Dropped is not null;
    }

    public void Drop(string reason, MirrorReturn mayReturn)
    {
        lock (gate)
        {
            // What another thread found out for good stays so.
            if (Dropped is null || mayReturn < Return)
                (Dropped, Return) = (reason, mayReturn);
        }
    }

    public void TakeBack()
    {
        lock (gate)
            Dropped = null;
    }

    /// <summary>
    /// Connections that fail together fail once: only the first of them finds the count as it left it. Else an outage would be given up the
    /// sooner, the more threads meet it.
    /// </summary>
    public int CountFailure(int seen, string failure)
    {
        lock (gate)
        {
            LastFailure = failure;
            if (Failures == 0)
                _failingSince = time.GetTimestamp();
            return Failures == seen ? ++Failures : Failures;
        }
    }

    public void ForgetFailures()
    {
        lock (gate)
            Failures = 0;
    }

    /// <summary>It does not answer ranges: whoever finds that out first reads it alone.</summary>
    /// <returns>Whether it is this connection.</returns>
    public bool TryReadWhole(MirrorConnection connection)
    {
        lock (gate)
        {
            GivesWhole = true;
            Reader ??= connection;
            return Reader == connection;
        }
    }

    public bool IsReadByAnother(MirrorConnection connection)
    {
        lock (gate)
            return Reader is not null && Reader != connection;
    }

    public IByteReader Connect(long fileSize, bool isInOrder) => source.Connect(fileSize, isInOrder);

    public void Enter(MirrorConnection connection)
    {
        lock (gate)
            _connections.Add(connection);
    }

    public void Leave(MirrorConnection connection)
    {
        lock (gate)
        {
            _connections.Remove(connection);
            if (Reader == connection)
                Reader = null;
            _receivedBefore += connection.Received;
        }
    }

    /// <summary>The connection waits for the place from now on, until the wait is ended.</summary>
    public void BeginWait(MirrorConnection connection)
    {
        lock (gate)
            connection.WaitsSince = time.GetTimestamp();
    }

    public void EndWait(MirrorConnection connection)
    {
        lock (gate)
        {
            _waitedBefore += WaitOf(connection);
            connection.WaitsSince = null;
        }
    }

    /// <summary>Measures the pace from now on.</summary>
    public void BeginPace()
    {
        lock (gate)
            _begun = Total;
    }

    private TimeSpan WaitOf(MirrorConnection connection) => connection.WaitsSince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;
}
