namespace Baremetal.Conductor;

/// <summary>
/// The time of day as it was at the start, and from there on only what really passed. Whoever sets the machine's clock, by hand or by a time
/// service that was late, moves no limit, no lease and no deadline of work that is under way; the next start takes the new time over.
/// </summary>
/// <param name="wall">Asked for the time of day once; its timestamps and timers must be monotonic.</param>
public sealed class SteadyTime(TimeProvider wall) : TimeProvider
{
    private readonly DateTimeOffset _start = wall.GetUtcNow();
    private readonly long _startTimestamp = wall.GetTimestamp();

    public override long TimestampFrequency => wall.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => _start + wall.GetElapsedTime(_startTimestamp);

    public override long GetTimestamp() => wall.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => wall.CreateTimer(callback, state, dueTime, period);
}
