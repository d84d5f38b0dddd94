using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot.Tests.Boot;

public sealed class RecentBootsTests
{
    private readonly SteppedClock clock = new();

    [Fact]
    public void Contains_Noted_IsTrueForFiveMinutes()
    {
        var recent = new RecentBoots(clock);
        recent.Note(Fixtures.Mac);
        clock.Now += TimeSpan.FromMinutes(4);
        Assert.True(recent.Contains(Fixtures.Mac));
        clock.Now += TimeSpan.FromMinutes(1);
        Assert.False(recent.Contains(Fixtures.Mac));
    }

    [Fact]
    public void Note_MoreMachinesThanAnyNetworkHas_ForgetsTheOldest()
    {
        var recent = new RecentBoots(clock);
        for (var i = 0; i <= 16_384; i++)
        {
            recent.Note(MacAddress.From([0x52, 0x54, 0, 0, (byte)(i >> 8), (byte)i]));
            clock.Now += TimeSpan.FromMilliseconds(1);
        }
        Assert.False(recent.Contains(MacAddress.From([0x52, 0x54, 0, 0, 0, 0])));
        Assert.True(recent.Contains(MacAddress.From([0x52, 0x54, 0, 0, 0, 1])));
    }
}
