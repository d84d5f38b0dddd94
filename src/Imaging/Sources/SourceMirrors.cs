namespace Baremetal.Imaging.Sources;

/// <summary>
/// The places that have the image file. One that fails for good, sends a chunk that was not signed, or is much slower than another, is dropped
/// with its reason; the write fails when none is left.
/// </summary>
/// <param name="sources">The places, in the order in which they are asked.</param>
/// <param name="fileSize">The size that the signed manifest gives.</param>
/// <param name="retries">For transient failures.</param>
/// <param name="time">The clock for retries and rates.</param>
/// <param name="isInOrder">The file is read nearly in its own order, so that a place that can only give it whole will do.</param>
internal sealed class SourceMirrors(IReadOnlyList<IByteSource> sources, long fileSize, RetryPolicy retries, TimeProvider time, bool isInOrder = false)
{
    private readonly Lock _gate = new();
    private readonly Mirror[] _all = [.. sources.Select(source => new Mirror(source))];

    public TimeProvider Time => time;

    /// <summary>Bytes that came from all sources so far, refused ones included.</summary>
    public long WireBytes
    {
        get
        {
            lock (_gate)
                return _all.Sum(mirror => mirror.Received);
        }
    }

    /// <summary>Why mirrors were dropped, one sentence each.</summary>
    public IReadOnlyList<string> Dropped
    {
        get
        {
            lock (_gate)
                return [.. _all.Select(mirror => mirror.Dropped).OfType<string>()];
        }
    }

    /// <summary>The mirror that is read and gives the file only whole, or null.</summary>
    public string? ReadWhole
    {
        get
        {
            lock (_gate)
                return Array.Find(_all, mirror => mirror.Reader is not null && mirror.Dropped is null)?.Source.Name;
        }
    }

    /// <summary>
    /// Connects a fetching thread to a mirror, spreading the threads evenly; null if all are dropped, or another thread reads the only one that is
    /// left and gives the file only whole. When no other is left, one that was only
    /// slow is taken back, and one that was only away while patience lasts.
    /// </summary>
    public Connection? TryConnect(int thread, CancellationToken stop)
    {
        lock (_gate)
        {
            for (var i = 0; i < _all.Length; i++)
            {
                var candidate = _all[(thread + i) % _all.Length];
                if (candidate.Dropped is null && !candidate.IsTaken)
                    return new Connection(this, candidate, stop);
            }
            if (Array.Exists(_all, mirror => mirror.Dropped is null))
                return null;
            if (FindReturning() is not { } back)
                return null;
            back.Dropped = null;
            return new Connection(this, back, stop);
        }
    }

    /// <summary>Why none is connected to; null if another thread still has one, or may have one back.</summary>
    public SourceException? NoneLeft()
    {
        if (_all.Length == 0)
            return SourceException.Permanent("No place is named to have it from.");
        lock (_gate)
        {
            if (Array.Exists(_all, mirror => mirror.Dropped is null) || FindReturning() is not null)
                return null;
        }
        var reasons = string.Join(" ", Dropped);
        return SourceException.Permanent(_all.Length == 1 ? reasons : $"None of the {_all.Length} sources delivers the image file. {reasons}");
    }

    private Mirror? FindReturning() =>
        Array.Find(_all, mirror => mirror.Return == Return.Always) ?? Array.Find(_all, mirror => mirror.Return == Return.WhilePatient && IsPatienceLeft(mirror));

    // A mirror that gives the file only whole is read by one thread alone, since each would read all of it; and only if no other may do better.
    private bool MayReadWhole(Mirror mirror, Connection connection)
    {
        lock (_gate)
        {
            mirror.GivesWhole = true;
            mirror.Reader ??= connection;
            if (mirror.Reader != connection)
                return false;
            if (!Array.Exists(_all, other => other != mirror && other.MayServe && !other.GivesWhole))
                return true;
        }
        Drop(mirror, $"{mirror.Source.Name} does not answer ranges: it is not used while another may.", Return.Always);
        return false;
    }

    private bool IsReadByAnother(Mirror mirror, Connection connection)
    {
        lock (_gate)
            return mirror.Reader is not null && mirror.Reader != connection;
    }

    private void Drop(Mirror mirror, string reason, Return mayReturn)
    {
        lock (_gate)
        {
            // What another thread found out for good stays so.
            if (mirror.Dropped is null || mayReturn < mirror.Return)
                (mirror.Dropped, mirror.Return) = (reason, mayReturn);
        }
    }

    private bool IsDropped(Mirror mirror)
    {
        lock (_gate)
            return mirror.Dropped is not null;
    }

    // Connections that fail together fail once: only the first of them finds the count as it left it. Else an outage would be given up the
    // sooner, the more threads meet it.
    private int CountFailure(Mirror mirror, int seen)
    {
        lock (_gate)
        {
            if (mirror.Failures == 0)
                mirror.FailingSince = time.GetTimestamp();
            return mirror.Failures == seen ? ++mirror.Failures : mirror.Failures;
        }
    }

    private bool IsWorthARetry(Mirror mirror)
    {
        lock (_gate)
            return mirror.Failures <= retries.MaxRetries || (IsPatienceLeft(mirror) && !_all.Any(other => other != mirror && other.MayServe));
    }

    private bool IsPatienceLeft(Mirror mirror) => time.GetElapsedTime(mirror.FailingSince) < retries.Patience;

    private void ForgetFailures(Mirror mirror)
    {
        lock (_gate)
            mirror.Failures = 0;
    }

    // Asked by whoever was served, of all: the thread that a slow mirror holds up cannot.
    private void DropSlow()
    {
        if (_all.Length == 1)
            return;
        List<Connection> cut = [];
        lock (_gate)
        {
            var served = Array.FindAll(_all, mirror => mirror.Dropped is null);
            if (served.Length < 2)
                return;
            var paces = Array.ConvertAll(served, mirror => mirror.Total(time) - mirror.Begun);
            var fastest = Array.IndexOf(paces, paces.MaxBy(pace => pace.BytesPerSecond));
            for (var i = 0; i < served.Length; i++)
            {
                if (!paces[i].IsTooSlowBeside(paces[fastest]))
                    continue;
                Drop(served[i], $"{served[i].Source.Name} gave {paces[i]} while {served[fastest].Source.Name} gave {paces[fastest]}: {Pace.Rule}.", Return.Always);
                cut.AddRange(served[i].Connections);
            }
            // What was long ago says nothing of now. Twice the time, so that all are judged before all begin anew.
            if (paces.Any(pace => pace.Waited >= 2 * Pace.Enough))
            {
                foreach (var mirror in _all)
                    mirror.Begun = mirror.Total(time);
            }
        }
        foreach (var connection in cut)
            connection.Cut();
    }

    /// <summary>
    /// One thread's connection to one mirror. Transient failures are borne up to the policy's measure; they count for the mirror, since it is
    /// dropped for all threads.
    /// </summary>
    internal sealed class Connection : IDisposable
    {
        private readonly SourceMirrors _mirrors;
        private readonly Mirror _mirror;
        private readonly CancellationToken _stop;
        private readonly IByteReader _reader;
        private readonly CancellationTokenRegistration _abort;
        private int _seenFailures;
        private TimeSpan _pause;
        private volatile bool _isCut;
        private long? _waitsSince;

        internal Connection(SourceMirrors mirrors, Mirror mirror, CancellationToken stop)
        {
            _mirrors = mirrors;
            _mirror = mirror;
            _stop = stop;
            _seenFailures = mirror.Failures;
            _reader = mirror.Source.Connect(mirrors.FileSize, mirrors.IsInOrder);
            mirror.Connections.Add(this);
            _abort = stop.Register(_reader.Abort);
        }

        internal long Received => _reader.Received;

        /// <summary>Waits out the pause after a failure. False if the mirror is dropped or all is over.</summary>
        public bool IsReady()
        {
            if (_pause > TimeSpan.Zero)
                Task.Delay(_pause, _mirrors.Time, _stop).GetAwaiter().GetResult();
            _pause = TimeSpan.Zero;
            return !_stop.IsCancellationRequested && !_isCut && !_mirrors.IsDropped(_mirror);
        }

        public bool TryOpen(long offset, long length)
        {
            if (_mirrors.IsReadByAnother(_mirror, this))
            {
                Cut();
                return false;
            }
            BeginWait();
            try
            {
                _reader.Open(offset, length);
                if (!_reader.IsWhole || _mirrors.MayReadWhole(_mirror, this))
                    return true;
                Cut();
                return false;
            }
            catch (SourceException e)
            {
                Bear(e);
                return false;
            }
            finally
            {
                EndWait();
            }
        }

        public bool TryRead(Span<byte> buffer)
        {
            BeginWait();
            try
            {
                _reader.Read(buffer);
                return true;
            }
            catch (SourceException e)
            {
                Bear(e);
                return false;
            }
            finally
            {
                EndWait();
                _mirrors.DropSlow();
            }
        }

        /// <summary>A chunk was had and is what was signed: earlier failures, of other threads too, no longer count.</summary>
        public void Succeeded()
        {
            _seenFailures = 0;
            _mirrors.ForgetFailures(_mirror);
        }

        /// <summary>Never asks this mirror again.</summary>
        public void Reject(string what) => _mirrors.Drop(_mirror, $"{_mirror.Source.Name} is not used: {what}.", Return.Never);

        /// <summary>Whether both lead to one mirror, so that neither is worth trying where the other is slow.</summary>
        public bool LeadsWhere(Connection other) => _mirror == other._mirror;

        public void Dispose()
        {
            _abort.Dispose();
            _reader.Dispose();
            lock (_mirrors._gate)
            {
                _mirror.Connections.Remove(this);
                if (_mirror.Reader == this)
                    _mirror.Reader = null;
                _mirror.ReceivedBefore += _reader.Received;
            }
        }

        /// <summary>Ends what it waits for, and itself, from any thread. That is no failure.</summary>
        internal void Cut()
        {
            _isCut = true;
            _reader.Abort();
        }

        // Under the mirrors' lock.
        internal TimeSpan WaitsFor(TimeProvider time) => _waitsSince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;

        private void BeginWait()
        {
            lock (_mirrors._gate)
                _waitsSince = _mirrors.Time.GetTimestamp();
        }

        private void EndWait()
        {
            lock (_mirrors._gate)
            {
                _mirror.WaitedBefore += WaitsFor(_mirrors.Time);
                _waitsSince = null;
            }
        }

        private void Bear(SourceException e)
        {
            if (_stop.IsCancellationRequested || _isCut)
                return;
            if (!e.IsTransient)
            {
                _mirrors.Drop(_mirror, e.Message, Return.Never);
                return;
            }
            _seenFailures = _mirrors.CountFailure(_mirror, _seenFailures);
            if (_mirrors.IsWorthARetry(_mirror))
                // No failures, if another thread has just succeeded: this one waits all the same.
                _pause = _mirrors.Retries.DelayBefore(Math.Max(1, _seenFailures));
            else
                _mirrors.Drop(_mirror, $"{e.Message} It was tried {_seenFailures} times.", Return.WhilePatient);
        }
    }

    /// <summary>Whether a dropped mirror is taken back when no other is left; the lesser wins.</summary>
    internal enum Return
    {
        Never,
        WhilePatient,
        Always,
    }

    /// <summary>One place, and what is known of it. All under the lock.</summary>
    internal sealed class Mirror(IByteSource source)
    {
        public IByteSource Source => source;

        /// <summary>Why it is not used, or null.</summary>
        public string? Dropped { get; set; }

        /// <summary>Has a meaning only while it is dropped.</summary>
        public Return Return { get; set; }

        public int Failures { get; set; }

        public long FailingSince { get; set; }

        public List<Connection> Connections { get; } = [];

        /// <summary>It does not answer ranges.</summary>
        public bool GivesWhole { get; set; }

        /// <summary>The one connection that reads it, if it gives the file only whole.</summary>
        public Connection? Reader { get; set; }

        public bool IsTaken => GivesWhole && Connections.Count > 0;

        /// <summary>By connections that are no more.</summary>
        public long ReceivedBefore { get; set; }

        /// <summary>In waits that have ended.</summary>
        public TimeSpan WaitedBefore { get; set; }

        /// <summary>Where the pace is measured from.</summary>
        public Pace Begun { get; set; }

        public long Received => ReceivedBefore + Connections.Sum(connection => connection.Received);

        /// <summary>One that was not asked yet has not failed, and one that was only too slow has not either.</summary>
        public bool MayServe => Dropped is null ? Failures == 0 : Return == Return.Always;

        public Pace Total(TimeProvider time) => new(Received, WaitedBefore + Connections.Aggregate(TimeSpan.Zero, (sum, connection) => sum + connection.WaitsFor(time)));
    }

    private long FileSize => fileSize;

    private bool IsInOrder => isInOrder;

    private RetryPolicy Retries => retries;
}
