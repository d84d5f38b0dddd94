using System.Threading.RateLimiting;

namespace Baremetal.Conductor.Runners;

/// <summary>How many events a runner may cause: a whole runner's VMs may start at once, and one that says something else each time does not fill the log. What is not told is still shown.</summary>
internal sealed class EventAllowance : IDisposable
{
    private const int AtOnce = 1000;

    private readonly PartitionedRateLimiter<string> _limits = PartitionedRateLimiter.Create<string, string>(runner => RateLimitPartition.GetTokenBucketLimiter(
        runner, _ => new TokenBucketRateLimiterOptions { TokenLimit = AtOnce, TokensPerPeriod = 1, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0 }));

    public bool Take(string runner)
    {
        using var lease = _limits.AttemptAcquire(runner);
        return lease.IsAcquired;
    }

    public void Dispose() => _limits.Dispose();
}
