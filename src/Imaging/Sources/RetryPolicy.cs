namespace Baremetal.Imaging.Sources;

/// <summary>
/// How often a source is asked again after a transient failure, counted since its last verified chunk. The defaults bear with a
/// server that restarts for more than a minute.
/// </summary>
/// <param name="MaxRetries">Then it is given up.</param>
/// <param name="FirstDelay">Before the first retry.</param>
/// <param name="MaxDelay">Before any retry.</param>
/// <param name="Patience">While no other source serves, none is given up before this time has passed since its first failure.</param>
public sealed record RetryPolicy(int MaxRetries, TimeSpan FirstDelay, TimeSpan MaxDelay, TimeSpan Patience = default)
{
    /// <summary>
    /// For a write that nobody watches: its sources, nearly always the conductor alone, may be away for as long as a host takes to be
    /// repaired by somebody who was called. A disk that is given up too soon is a machine without a system.
    /// </summary>
    public static readonly RetryPolicy Patient = new() { Patience = TimeSpan.FromMinutes(30) };

    public RetryPolicy()
        : this(10, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(15))
    {
    }

    /// <summary>The wait before the given retry (1, 2, …): doubled each time.</summary>
    public TimeSpan DelayBefore(int retry) =>
        TimeSpan.FromTicks((long)Math.Min(MaxDelay.Ticks, FirstDelay.Ticks * Math.Pow(2, retry - 1)));
}
