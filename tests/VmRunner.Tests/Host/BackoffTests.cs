using Baremetal.Support;
using Baremetal.VmRunner.Host;

namespace Baremetal.VmRunner.Tests.Host;

public sealed class BackoffTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public void Failed_AgainAndAgain_WaitsTwiceAsLongUpToFiveMinutes()
    {
        var backoff = new Backoff(_clock);

        var pauses = Enumerable.Range(0, 11).Select(_ => backoff.Failed().TotalSeconds);

        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300], pauses);
    }

    [Fact]
    public void Left_AfterAFailure_RunsOutWithTheClock()
    {
        var backoff = new Backoff(_clock);
        Assert.Equal(TimeSpan.Zero, backoff.Left);

        backoff.Failed();
        backoff.Failed();
        _clock.Advance(TimeSpan.FromSeconds(0.5));

        Assert.Equal(TimeSpan.FromSeconds(1.5), backoff.Left);
        _clock.Advance(TimeSpan.FromSeconds(1.5));
        Assert.Equal(TimeSpan.Zero, backoff.Left);
    }

    [Theory]
    [InlineData(9, 4)]
    [InlineData(10, 1)]
    public void Failed_AfterItWentWell_ForgetsAfterTenMinutesOnly(int minutes, int seconds)
    {
        var backoff = new Backoff(_clock);
        backoff.Failed();
        backoff.Failed();

        backoff.Well();
        _clock.Advance(TimeSpan.FromMinutes(minutes));

        Assert.Equal(TimeSpan.FromSeconds(seconds), backoff.Failed());
    }

    [Fact]
    public void Reset_ByAnOrder_TriesAtOnce()
    {
        var backoff = new Backoff(_clock);
        backoff.Failed();

        backoff.Reset();

        Assert.Equal(TimeSpan.Zero, backoff.Left);
        Assert.Equal(TimeSpan.FromSeconds(1), backoff.Failed());
    }
}
