namespace Baremetal.Imaging.Sources;

/// <summary>
/// The places that have the image file. One that fails for good, sends a chunk that was not signed, or is much slower than another, is dropped
/// with its reason; the write fails when none is left. What a connection finds out is noted at its mirror, for all threads; here mirrors are
/// chosen, and compared.
/// </summary>
internal sealed class SourceMirrors
{
    private readonly long _fileSize;
    private readonly bool _isInOrder;
    private readonly Lock _gate = new();
    private readonly Mirror[] _all;

    /// <param name="sources">The places, in the order in which they are asked.</param>
    /// <param name="fileSize">The size that the signed manifest gives.</param>
    /// <param name="retries">For transient failures.</param>
    /// <param name="time">The clock for retries and rates.</param>
    /// <param name="isInOrder">The file is read nearly in its own order, so that a place that can only give it whole will do.</param>
    public SourceMirrors(IReadOnlyList<IByteSource> sources, long fileSize, RetryPolicy retries, TimeProvider time, bool isInOrder = false)
    {
        _fileSize = fileSize;
        _isInOrder = isInOrder;
        Retries = retries;
        Time = time;
        _all = [.. sources.Select(source => new Mirror(source, _gate, time))];
    }

    public RetryPolicy Retries { get; }

    public TimeProvider Time { get; }

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
                return Array.Find(_all, mirror => mirror.Reader is not null && mirror.Dropped is null)?.Name;
        }
    }

    /// <summary>
    /// Why a mirror is waited for: it has failed more than once since it last served. One failure alone is over before anybody reads of it.
    /// Null if none is.
    /// </summary>
    public string? Awaited
    {
        get
        {
            lock (_gate)
                return Array.Find(_all, mirror => mirror.Dropped is null && mirror.Failures > 1)?.LastFailure;
        }
    }

    /// <summary>
    /// Connects a fetching thread to a mirror, spreading the threads evenly; null if all are dropped, or another thread reads the only one that is
    /// left and gives the file only whole. When no other is left, one that was only slow is taken back, and one that was only away while patience
    /// lasts.
    /// </summary>
    public MirrorConnection? TryConnect(int thread, CancellationToken stop)
    {
        lock (_gate)
        {
            for (var i = 0; i < _all.Length; i++)
            {
                var candidate = _all[(thread + i) % _all.Length];
                if (candidate.Dropped is null && !candidate.IsTaken)
                    return Connect(candidate, stop);
            }
            if (Array.Exists(_all, mirror => mirror.Dropped is null))
                return null;
            if (FindReturning() is not { } back)
                return null;
            back.TakeBack();
            return Connect(back, stop);
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

    /// <summary>
    /// Whether a connection may read on at a mirror that gives the file only whole: one alone may, since each would read all of it; and only
    /// if no other mirror may do better.
    /// </summary>
    public bool MayReadWhole(Mirror mirror, MirrorConnection connection)
    {
        lock (_gate)
        {
            if (!mirror.TryReadWhole(connection))
                return false;
            if (!Array.Exists(_all, other => other != mirror && other.MayServe && !other.GivesWhole))
                return true;
        }
        mirror.Drop($"{mirror.Name} does not answer ranges: it is not used while another may.", MirrorReturn.Always);
        return false;
    }

    /// <summary>Whether a mirror that has failed is asked again before it is given up.</summary>
    public bool IsWorthARetry(Mirror mirror)
    {
        lock (_gate)
            return mirror.Failures <= Retries.MaxRetries || (IsPatienceLeft(mirror) && !_all.Any(other => other != mirror && other.MayServe));
    }

    /// <summary>Drops what is much slower than another. Asked by whoever was served, of all: the thread that a slow mirror holds up cannot.</summary>
    public void DropSlow()
    {
        if (_all.Length == 1)
            return;
        List<MirrorConnection> cut = [];
        lock (_gate)
        {
            var served = Array.FindAll(_all, mirror => mirror.Dropped is null);
            if (served.Length < 2)
                return;
            var paces = Array.ConvertAll(served, mirror => mirror.Pace);
            var fastest = Array.IndexOf(paces, paces.MaxBy(pace => pace.BytesPerSecond));
            for (var i = 0; i < served.Length; i++)
            {
                if (!paces[i].IsTooSlowBeside(paces[fastest]))
                    continue;
                served[i].Drop($"{served[i].Name} gave {paces[i]} while {served[fastest].Name} gave {paces[fastest]}: {Pace.Rule}.", MirrorReturn.Always);
                cut.AddRange(served[i].Connections);
            }
            // What was long ago says nothing of now. Twice the time, so that all are judged before all begin anew.
            if (paces.Any(pace => pace.Waited >= 2 * Pace.Enough))
            {
                foreach (var mirror in _all)
                    mirror.BeginPace();
            }
        }
        foreach (var connection in cut)
            connection.Cut();
    }

    private MirrorConnection Connect(Mirror mirror, CancellationToken stop) => new(this, mirror, mirror.Connect(_fileSize, _isInOrder), stop);

    private Mirror? FindReturning() =>
        Array.Find(_all, mirror => mirror.Return == MirrorReturn.Always)
        ?? Array.Find(_all, mirror => mirror.Return == MirrorReturn.WhilePatient && IsPatienceLeft(mirror));

    private bool IsPatienceLeft(Mirror mirror) => mirror.FailingFor < Retries.Patience;
}
