namespace Baremetal.VmRunner.Host;

/// <summary>How long is waited after something failed for a passing reason: twice as long each time, up to five minutes, until it has gone well for a while.</summary>
internal sealed class Backoff(TimeProvider time)
{
    private static readonly TimeSpan _first = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(5);

    /// <summary>What has gone well for so long has come to rest.</summary>
    private static readonly TimeSpan _forgotten = TimeSpan.FromMinutes(10);

    private int _failures;
    private long _wellSince;
    private long _until;
    private bool _isWell;

    /// <summary>What is left to wait; zero: now.</summary>
    public TimeSpan Left => _failures == 0 || time.GetElapsedTime(_until) >= TimeSpan.Zero ? TimeSpan.Zero : -time.GetElapsedTime(_until);

    public int Failures => _failures;

    /// <returns>How long will be waited.</returns>
    public TimeSpan Failed()
    {
        if (_isWell && time.GetElapsedTime(_wellSince) >= _forgotten)
            _failures = 0;
        _isWell = false;
        var pause = _first * Math.Pow(2, Math.Min(_failures++, 16));
        pause = pause < _longest ? pause : _longest;
        _until = time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);
        return pause;
    }

    /// <summary>It goes well now. What it was like before is forgotten only when that lasts.</summary>
    public void Well()
    {
        if (!_isWell)
            (_isWell, _wellSince) = (true, time.GetTimestamp());
    }

    /// <summary>Somebody wants it tried at once.</summary>
    public void Reset() => (_failures, _isWell) = (0, false);
}
