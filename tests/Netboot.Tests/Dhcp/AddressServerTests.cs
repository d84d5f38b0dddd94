using System.Net;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

public sealed class AddressServerTests : IDisposable
{
    private static readonly MacAddress Other = Fixtures.Parse("52:54:00:77:00:99");

    private readonly OfflineDhcp dhcp = new(DhcpMode.Server);

    public void Dispose() => dhcp.Dispose();

    [Fact]
    public void Discover_WantsAFreeAddress_IsOfferedIt() => Assert.Equal("10.77.0.150", Offered(wants: "10.77.0.150"));

    [Theory]
    [InlineData("10.77.0.1")] // ours
    [InlineData("10.77.0.99")] // outside the pool
    [InlineData("192.168.0.1")]
    public void Discover_WantsWhatItMayNotHave_IsOfferedAnother(string wants) => Assert.NotEqual(wants, Offered(wants: wants));

    [Fact]
    public void Discover_TwoMachinesWantOne_OnlyTheFirstIsOfferedIt()
    {
        Assert.Equal("10.77.0.150", Offered(wants: "10.77.0.150"));
        Assert.NotEqual("10.77.0.150", Offered(Other, "10.77.0.150"));
    }

    [Fact]
    public void Request_Offered_IsAcknowledgedWithTerms()
    {
        var address = Offered();
        var ack = dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: address, server: "10.77.0.1")).Packet;
        Assert.Equal(DhcpMessage.Ack, ack.Message);
        Assert.Equal(address, ack.YourAddress.ToString());
        Assert.Equal([0, 0, 14, 16], ack[DhcpOption.LeaseTime].ToArray());
        Assert.Equal([0, 0, 7, 8], ack[DhcpOption.RenewalTime].ToArray());
        Assert.Equal([0, 0, 12, 78], ack[DhcpOption.RebindingTime].ToArray());
    }

    [Fact]
    public void Request_OfAnotherServer_IsLeftToItAndFreesTheOffer()
    {
        Assert.Equal("10.77.0.150", Offered(wants: "10.77.0.150"));
        Assert.Null(dhcp.Answer(Fixtures.Request(DhcpMessage.Request, wants: "10.77.0.150", server: "10.77.0.2")));
        Assert.Equal("10.77.0.150", Offered(Other, "10.77.0.150"));
    }

    [Fact]
    public void Request_AddressOfAnother_IsRefused()
    {
        Grant("10.77.0.150");
        var answer = dhcp.Expect(Fixtures.Request(DhcpMessage.Request, Other, wants: "10.77.0.150")).Packet;
        Assert.Equal(DhcpMessage.Nak, answer.Message);
        Assert.Equal("address in use"u8.ToArray(), answer[DhcpOption.Message].ToArray());
    }

    [Fact]
    public void Request_AfterReboot_WrongNetwork_IsRefused() =>
        Assert.Equal(DhcpMessage.Nak, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: "192.168.1.5")).Packet.Message);

    [Fact]
    public void Request_AfterReboot_UnknownToUsButFree_IsGranted() =>
        Assert.Equal(DhcpMessage.Ack, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: "10.77.0.160")).Packet.Message);

    [Fact]
    public void Request_Renewal_GoesOnForAnotherLeaseTime()
    {
        Grant("10.77.0.150");
        dhcp.Clock.Now += TimeSpan.FromMinutes(50);
        var (_, ack, route) = dhcp.Expect(Fixtures.Request(DhcpMessage.Request, ciaddr: "10.77.0.150"));
        dhcp.Clock.Now += TimeSpan.FromMinutes(50);

        Assert.Equal(DhcpMessage.Ack, ack.Message);
        Assert.Equal("10.77.0.150", ack.ClientAddress.ToString());
        Assert.Equal(new ReplyRoute(ReplyRouteKind.Unicast, Ipv4.Parse("10.77.0.150"), 68), route);
        Assert.NotEqual("10.77.0.150", Offered(Other, "10.77.0.150"));
    }

    [Fact]
    public void Request_LeaseEndedAndTaken_IsRefused()
    {
        Grant("10.77.0.150");
        dhcp.Clock.Now += TimeSpan.FromMinutes(61);
        Grant("10.77.0.150", Other);
        Assert.Equal(DhcpMessage.Nak, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, ciaddr: "10.77.0.150")).Packet.Message);
    }

    [Fact]
    public void Discover_LeaseEndedAndStillFree_IsOfferedTheSame()
    {
        Grant("10.77.0.150");
        dhcp.Clock.Now += TimeSpan.FromDays(30);
        Assert.Equal("10.77.0.150", Offered());
    }

    [Fact]
    public void Release_FreesTheAddressForOthers()
    {
        Grant("10.77.0.150");
        Assert.Null(dhcp.Answer(Fixtures.Request(DhcpMessage.Release, ciaddr: "10.77.0.150", server: "10.77.0.1")));
        Assert.Equal("10.77.0.150", Offered(Other, "10.77.0.150"));
    }

    [Fact]
    public void Release_OfAnothersAddress_ChangesNothing()
    {
        Grant("10.77.0.150");
        Assert.Null(dhcp.Answer(Fixtures.Request(DhcpMessage.Release, Other, ciaddr: "10.77.0.150")));
        Assert.NotEqual("10.77.0.150", Offered(Other, "10.77.0.150"));
    }

    [Fact]
    public void Decline_AddressIsLeftAloneForAWhile()
    {
        Grant("10.77.0.150");
        Assert.Null(dhcp.Answer(Fixtures.Request(DhcpMessage.Decline, wants: "10.77.0.150", server: "10.77.0.1")));

        Assert.NotEqual("10.77.0.150", Offered(wants: "10.77.0.150"));
        Assert.NotEqual("10.77.0.150", Offered(Other, "10.77.0.150"));
        dhcp.Clock.Now += TimeSpan.FromMinutes(10);
        Assert.Equal("10.77.0.150", Offered(Fixtures.Parse("52:54:00:77:00:98"), "10.77.0.150"));
    }

    [Fact]
    public void Inform_GetsTheNetworkAndNoLease()
    {
        var (_, ack, route) = dhcp.Expect(Fixtures.Request(DhcpMessage.Inform, ciaddr: "10.77.0.7"));
        Assert.Equal(DhcpMessage.Ack, ack.Message);
        Assert.Equal(Ipv4.None, ack.YourAddress);
        Assert.True(ack.Has(DhcpOption.SubnetMask));
        Assert.False(ack.Has(DhcpOption.LeaseTime));
        Assert.Equal(new ReplyRoute(ReplyRouteKind.Unicast, Ipv4.Parse("10.77.0.7"), 68), route);
    }

    [Fact]
    public void Discover_Reserved_GetsItsAddressAndNoOtherDoes()
    {
        Assert.NotEqual("10.77.0.200", Offered(wants: "10.77.0.200"));
        Assert.Equal("10.77.0.200", Offered(OfflineDhcp.Reserved, wants: "10.77.0.150"));
        Assert.Equal(DhcpMessage.Nak, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: "10.77.0.200")).Packet.Message);
        Assert.Equal(DhcpMessage.Nak, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, OfflineDhcp.Reserved, ciaddr: "10.77.0.150")).Packet.Message);
    }

    [Fact]
    public void Discover_PoolEmpty_IsNotAnsweredUntilALeaseEnds()
    {
        for (var i = 0; i < 100; i++)
            Grant($"10.77.0.{100 + i}", MacAddress.From([0x52, 0x54, 0, 0, 1, (byte)i]));
        Assert.Null(dhcp.Answer(Fixtures.Request(DhcpMessage.Discover)));

        dhcp.Clock.Now += TimeSpan.FromMinutes(59);
        for (var i = 1; i < 100; i++)
            dhcp.Expect(Fixtures.Request(DhcpMessage.Request, MacAddress.From([0x52, 0x54, 0, 0, 1, (byte)i]), ciaddr: $"10.77.0.{100 + i}"));
        dhcp.Clock.Now += TimeSpan.FromMinutes(2);
        Assert.Equal("10.77.0.100", Offered());
    }

    [Fact]
    public void Discover_FromADistantNetwork_IsNotAnswered() => Assert.Null(dhcp.Answer(Fixtures.Request(DhcpMessage.Discover, giaddr: "10.9.0.1")));

    [Fact]
    public void Seen_EveryPacket_SaysWhoAndWhereAndWhat()
    {
        Grant("10.77.0.150");
        dhcp.Sightings.Clear();
        dhcp.Expect(Fixtures.Request(DhcpMessage.Request, ciaddr: "10.77.0.150", more: [(DhcpOption.HostName, "web-1"u8.ToArray())]));
        dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: "192.168.1.5", more: [(DhcpOption.HostName, "bad name\n"u8.ToArray())]));
        Assert.Equal(
            [new Sighting(Fixtures.Mac, IPAddress.Parse("10.77.0.150"), ClientKind.System, "web-1"), new Sighting(Fixtures.Mac, null, ClientKind.System, null)],
            dhcp.Sightings);
    }

    private string Offered(MacAddress? mac = null, string? wants = null)
    {
        var (_, packet, _) = dhcp.Expect(Fixtures.Request(DhcpMessage.Discover, mac, wants: wants));
        Assert.Equal(DhcpMessage.Offer, packet.Message);
        return packet.YourAddress.ToString();
    }

    private void Grant(string address, MacAddress? mac = null) =>
        Assert.Equal(DhcpMessage.Ack, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, mac, wants: address)).Packet.Message);
}
