namespace Baremetal.Support;

/// <summary>
/// Real time, seen by a machine whose clock stands elsewhere and whose hours can pass in a moment. Timers run in real time; what is
/// measured between two moments includes the jumps.
/// </summary>
public sealed class JumpingClock(DateTimeOffset? now = null) : TimeProvider
{
    private readonly TimeSpan _shift = now is { } start ? start - System.GetUtcNow() : TimeSpan.Zero;
    private long _jumpedTicks;
    private long _steppedTicks;

    public void Jump(TimeSpan ahead) => Interlocked.Add(ref _jumpedTicks, ahead.Ticks);

    /// <summary>Somebody sets the clock, forward or back; no time passes.</summary>
    public void Step(TimeSpan by) => Interlocked.Add(ref _steppedTicks, by.Ticks);

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _shift + TimeSpan.FromTicks(Interlocked.Read(ref _jumpedTicks) + Interlocked.Read(ref _steppedTicks));

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => System.GetElapsedTime(0).Ticks + Interlocked.Read(ref _jumpedTicks);
}
