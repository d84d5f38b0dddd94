namespace Baremetal.Api.Client;

/// <summary>
/// How often a call that failed for a passing reason is tried, and how long is waited between: <paramref name="First"/>, doubled each
/// time up to <paramref name="Longest"/>, each somewhere in its second half, so that a thousand agents do not return in step.
/// </summary>
public sealed record Retry(int Attempts, TimeSpan First, TimeSpan Longest)
{
    public static readonly Retry Never = new(1, TimeSpan.Zero, TimeSpan.Zero);

    /// <summary>A person waits: about three seconds in all, enough for a service that restarts.</summary>
    public static readonly Retry Person = new(5, TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(2));

    /// <summary>A machine that has nothing else to do.</summary>
    public static readonly Retry Patient = new(int.MaxValue, TimeSpan.FromSeconds(0.25), TimeSpan.FromSeconds(5));

    /// <summary>What is waited after this attempt, counted from 1; what the server asks for, if it is longer, but never more than <see cref="Longest"/>.</summary>
    public TimeSpan After(int attempt, TimeSpan? askedFor = null)
    {
        var delay = First * Math.Pow(2, Math.Min(attempt - 1, 30));
        if (askedFor > delay)
            delay = askedFor.Value;
        if (delay > Longest)
            delay = Longest;
        return delay * (0.5 + Random.Shared.NextDouble() / 2);
    }
}
