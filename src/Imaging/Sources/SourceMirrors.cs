namespace Baremetal.Imaging.Sources;

/// <summary>
/// The places that have the image file. One that fails for good, or sends a chunk that was not signed, is dropped with its reason; the
/// write fails when none is left.
/// </summary>
internal sealed class SourceMirrors(IReadOnlyList<IByteSource> sources, long fileSize, RetryPolicy retries, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly string?[] _dropped = new string?[sources.Count];
    private readonly int[] _failures = new int[sources.Count];
    private readonly long[] _failingSince = new long[sources.Count];
    private readonly bool[] _mayReturn = new bool[sources.Count];
    private long _wireBytes;

    /// <summary>Bytes read from all sources so far, refused ones included.</summary>
    public long WireBytes => Interlocked.Read(ref _wireBytes);

    /// <summary>Why mirrors were dropped, one sentence each.</summary>
    public IReadOnlyList<string> Dropped
    {
        get
        {
            lock (_gate)
                return [.. _dropped.OfType<string>()];
        }
    }

    /// <summary>
    /// Connects a fetching thread to a mirror, spreading the threads evenly; null if all are dropped. One that was only away is taken back
    /// when no other is left, while patience lasts.
    /// </summary>
    public Connection? TryConnect(int thread, CancellationToken stop)
    {
        lock (_gate)
        {
            for (var i = 0; i < sources.Count; i++)
            {
                var candidate = (thread + i) % sources.Count;
                if (_dropped[candidate] is null)
                    return new Connection(this, candidate, stop);
            }
            for (var candidate = 0; candidate < sources.Count; candidate++)
            {
                if (!_mayReturn[candidate] || !IsPatienceLeft(candidate))
                    continue;
                _dropped[candidate] = null;
                return new Connection(this, candidate, stop);
            }
            return null;
        }
    }

    public SourceException NoneLeft()
    {
        if (sources.Count == 0)
            return SourceException.Permanent("No place is named to have it from.");
        var reasons = string.Join(" ", Dropped);
        return SourceException.Permanent(sources.Count == 1 ? reasons : $"None of the {sources.Count} sources delivers the image file. {reasons}");
    }

    private void Drop(int mirror, string reason, bool mayReturn = false)
    {
        lock (_gate)
        {
            // What another thread found out for good stays so.
            _mayReturn[mirror] = mayReturn && (_dropped[mirror] is null || _mayReturn[mirror]);
            _dropped[mirror] ??= reason;
        }
    }

    private bool IsDropped(int mirror)
    {
        lock (_gate)
            return _dropped[mirror] is not null;
    }

    // Connections that fail together fail once: only the first of them finds the count as it left it. Else an outage would be given up the
    // sooner, the more threads meet it.
    private int CountFailure(int mirror, int seen)
    {
        lock (_gate)
        {
            if (_failures[mirror] == 0)
                _failingSince[mirror] = time.GetTimestamp();
            return _failures[mirror] == seen ? ++_failures[mirror] : _failures[mirror];
        }
    }

    private bool IsWorthARetry(int mirror)
    {
        lock (_gate)
            return _failures[mirror] <= retries.MaxRetries || (IsPatienceLeft(mirror) && !OtherServes(mirror));
    }

    private bool IsPatienceLeft(int mirror) => time.GetElapsedTime(_failingSince[mirror]) < retries.Patience;

    // Or may serve: one that was not asked yet has not failed.
    private bool OtherServes(int mirror)
    {
        for (var other = 0; other < sources.Count; other++)
        {
            if (other != mirror && _dropped[other] is null && _failures[other] == 0)
                return true;
        }
        return false;
    }

    private int FailuresOf(int mirror)
    {
        lock (_gate)
            return _failures[mirror];
    }

    private void ForgetFailures(int mirror)
    {
        lock (_gate)
            _failures[mirror] = 0;
    }

    /// <summary>
    /// One thread's connection to one mirror. Transient failures are borne up to the policy's measure; they count for the mirror, since it is
    /// dropped for all threads.
    /// </summary>
    internal sealed class Connection : IDisposable
    {
        private readonly SourceMirrors _mirrors;
        private readonly int _mirror;
        private readonly CancellationToken _stop;
        private readonly IByteReader _reader;
        private readonly CancellationTokenRegistration _abort;
        private int _seenFailures;
        private TimeSpan _pause;

        internal Connection(SourceMirrors mirrors, int mirror, CancellationToken stop)
        {
            _mirrors = mirrors;
            _mirror = mirror;
            _stop = stop;
            _seenFailures = mirrors.FailuresOf(mirror);
            _reader = mirrors.Source(mirror).Connect(mirrors.FileSize);
            _abort = stop.Register(_reader.Abort);
        }

        /// <summary>Waits out the pause after a failure. False if the mirror is dropped or all is over.</summary>
        public bool IsReady()
        {
            if (_pause > TimeSpan.Zero)
                Task.Delay(_pause, _mirrors.Time, _stop).GetAwaiter().GetResult();
            _pause = TimeSpan.Zero;
            return !_stop.IsCancellationRequested && !_mirrors.IsDropped(_mirror);
        }

        public bool TryOpen(long offset, long length)
        {
            try
            {
                _reader.Open(offset, length);
                return true;
            }
            catch (SourceException e)
            {
                Bear(e);
                return false;
            }
        }

        public bool TryRead(Span<byte> buffer)
        {
            try
            {
                _reader.Read(buffer);
                Interlocked.Add(ref _mirrors._wireBytes, buffer.Length);
                return true;
            }
            catch (SourceException e)
            {
                Bear(e);
                return false;
            }
        }

        /// <summary>A chunk was had and is what was signed: earlier failures, of other threads too, no longer count.</summary>
        public void Succeeded()
        {
            _seenFailures = 0;
            _mirrors.ForgetFailures(_mirror);
        }

        /// <summary>Never asks this mirror again.</summary>
        public void Reject(string what) => _mirrors.Drop(_mirror, $"{_mirrors.Source(_mirror).Name} is not used: {what}.");

        public void Dispose()
        {
            _abort.Dispose();
            _reader.Dispose();
        }

        private void Bear(SourceException e)
        {
            if (_stop.IsCancellationRequested)
                return;
            if (!e.IsTransient)
            {
                _mirrors.Drop(_mirror, e.Message);
                return;
            }
            _seenFailures = _mirrors.CountFailure(_mirror, _seenFailures);
            if (_mirrors.IsWorthARetry(_mirror))
                // No failures, if another thread has just succeeded: this one waits all the same.
                _pause = _mirrors.Retries.DelayBefore(Math.Max(1, _seenFailures));
            else
                _mirrors.Drop(_mirror, $"{e.Message} It was tried {_seenFailures} times.", mayReturn: true);
        }
    }

    private long FileSize => fileSize;

    private RetryPolicy Retries => retries;

    private TimeProvider Time => time;

    private IByteSource Source(int mirror) => sources[mirror];
}
