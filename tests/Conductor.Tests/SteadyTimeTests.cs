using Baremetal.Support;

namespace Baremetal.Conductor.Tests;

public sealed class SteadyTimeTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(36500)]
    [InlineData(-1)]
    public void WallClock_IsSet_TimeGoesOnAsItPasses(int days)
    {
        var wall = new JumpingClock(Noon);
        var time = new SteadyTime(wall);
        wall.Step(TimeSpan.FromDays(days));
        wall.Jump(TimeSpan.FromMinutes(1));
        Assert.InRange(time.GetUtcNow(), Noon + TimeSpan.FromMinutes(1), Noon + TimeSpan.FromHours(1));
    }
}
