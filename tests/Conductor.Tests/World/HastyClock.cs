namespace Baremetal.Conductor.Tests.World;

/// <summary>Its seconds last a tenth: patience is used up soon, in the same order as ever.</summary>
internal sealed class HastyClock : TimeProvider
{
    private const int Haste = 10;
    private readonly DateTimeOffset _start = System.GetUtcNow();

    public override DateTimeOffset GetUtcNow() => _start + (System.GetUtcNow() - _start) * Haste;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : dueTime / Haste, period == Timeout.InfiniteTimeSpan ? period : period / Haste);
}
