namespace Baremetal.Imaging.Sources;

/// <summary>
/// How often a source is asked again after a transient failure, counted since its last verified chunk. The defaults bear with a
/// server that restarts for more than a minute.
/// </summary>
public sealed record RetryPolicy(int MaxRetries, TimeSpan FirstDelay, TimeSpan MaxDelay)
{
    public RetryPolicy()
        : this(10, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(15))
    {
    }

    /// <summary>The wait before the given retry (1, 2, …): doubled each time.</summary>
    public TimeSpan DelayBefore(int retry) =>
        TimeSpan.FromTicks((long)Math.Min(MaxDelay.Ticks, FirstDelay.Ticks * Math.Pow(2, retry - 1)));
}
