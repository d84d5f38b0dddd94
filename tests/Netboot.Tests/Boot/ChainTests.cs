using System.Text;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Boot;

/// <summary>An iPXE without HTTP gets ours, but not for ever.</summary>
public sealed class ChainTests
{
    private static readonly byte[] WithoutHttp = Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.UserClass, "iPXE"u8.ToArray()), (DhcpOption.Ipxe, [24, 1, 1])]);
    private static readonly byte[] ItsRequest = Fixtures.Request(
        DhcpMessage.Request, wants: "10.77.0.150", server: "10.77.0.1", more: [(DhcpOption.UserClass, "iPXE"u8.ToArray()), (DhcpOption.Ipxe, [24, 1, 1])]);

    [Fact]
    public void Discover_IpxeWithoutHttp_IsChained()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        Assert.Equal("undionly.kpxe\0", File(dhcp.Expect(WithoutHttp).Bytes));
        Assert.Equal("undionly.kpxe", dhcp.Sightings[^1].Told);
        Assert.Equal("undionly.kpxe\0", File(dhcp.Expect(ItsRequest).Bytes));
    }

    [Fact]
    public void Discover_IpxeWithoutHttpAgainAndAgain_EndsTheCircle()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        for (var i = 0; i < 8; i++)
            Assert.NotEqual("", File(dhcp.Expect(WithoutHttp).Bytes));

        Assert.Equal("", File(dhcp.Expect(WithoutHttp).Bytes));
        Assert.Equal("", File(dhcp.Expect(ItsRequest).Bytes));
    }

    [Fact]
    public void Discover_IpxeWithoutHttpTheNextDay_IsChainedAfresh()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        for (var i = 0; i < 9; i++)
            dhcp.Answer(WithoutHttp);
        dhcp.Clock.Now += TimeSpan.FromDays(1);
        Assert.Equal("undionly.kpxe\0", File(dhcp.Expect(WithoutHttp).Bytes));
    }

    [Fact]
    public void Discover_UnknownArchitecture_GetsAnAddressAndNothingToBoot()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var arm = Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.VendorClass, "PXEClient:Arch:00011:UNDI:003000"u8.ToArray()), (DhcpOption.ClientArchitecture, [0, 11])]);
        Assert.Equal("", File(dhcp.Expect(arm).Bytes));
        Assert.False(dhcp.Recent.Contains(Fixtures.Mac));
    }

    [Fact]
    public void Discover_AlternativeNumberOfX64_GetsTheSameLoader()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var nine = Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.VendorClass, "PXEClient:Arch:00009:UNDI:003000"u8.ToArray()), (DhcpOption.ClientArchitecture, [0, 9])]);
        Assert.Equal("snponly.efi\0", File(dhcp.Expect(nine).Bytes));
    }

    private static string File(byte[] reply) => Encoding.ASCII.GetString(Captured.Option(reply, 67));
}
