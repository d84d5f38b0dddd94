using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

/// <summary>RFC 2131 §4.1, line by line.</summary>
public sealed class ReplyRouteTests
{
    [Theory]
    [InlineData(DhcpMessage.Offer, "10.9.0.1", "0.0.0.0", 0x8000, "10.77.0.150", "Unicast 10.9.0.1:67")]
    [InlineData(DhcpMessage.Offer, "10.9.0.1", "0.0.0.0", 0x8000, "0.0.0.0", "Unicast 10.9.0.1:67")]
    [InlineData(DhcpMessage.Ack, "10.9.0.1", "10.77.0.150", 0, "10.77.0.150", "Unicast 10.9.0.1:67")]
    [InlineData(DhcpMessage.Ack, "0.0.0.0", "10.77.0.150", 0x8000, "10.77.0.150", "Unicast 10.77.0.150:68")]
    [InlineData(DhcpMessage.Nak, "0.0.0.0", "10.77.0.150", 0, "0.0.0.0", "Broadcast 255.255.255.255:68")]
    [InlineData(DhcpMessage.Offer, "0.0.0.0", "0.0.0.0", 0x8000, "10.77.0.150", "Broadcast 255.255.255.255:68")]
    [InlineData(DhcpMessage.Offer, "0.0.0.0", "0.0.0.0", 0, "10.77.0.150", "Hardware 10.77.0.150:68")]
    [InlineData(DhcpMessage.Offer, "0.0.0.0", "0.0.0.0", 0, "0.0.0.0", "Broadcast 255.255.255.255:68")]
    public void For_Request_GoesWhereTheRfcSays(object answer, string giaddr, string ciaddr, int flags, string yiaddr, string expected)
    {
        var request = Fixtures.Packet(Fixtures.Request(DhcpMessage.Request, giaddr: giaddr, ciaddr: ciaddr, flags: (ushort)flags));
        var route = ReplyRoute.For(request, new DhcpReply((DhcpMessage)answer) { YourAddress = Ipv4.Parse(yiaddr) });
        Assert.Equal(expected, $"{route.Kind} {route.Address}:{route.Port}");
    }
}
