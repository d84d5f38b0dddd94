using System.Text;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

public sealed class DhcpReplyTests
{
    [Fact]
    public void Write_EmptyAnswer_IsPaddedToBootpsSize()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        Assert.Equal(300, dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: "192.168.1.1", server: "10.77.0.1")).Bytes.Length);
    }

    [Fact]
    public void Write_RelayOption_ComesBackUntouchedAndLast()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        byte[] circuit = [1, 4, 0, 0, 0, 7, 2, 2, 9, 9];
        var (bytes, packet, _) = dhcp.Expect(Fixtures.Request(DhcpMessage.Discover, giaddr: "10.77.0.254", flags: 0x8000, more: [(DhcpOption.RelayAgent, circuit)]));
        Assert.Equal(circuit, Captured.Option(bytes, 82));
        Assert.Equal((byte)82, LastOption(bytes));
        Assert.Equal("10.77.0.254", packet.RelayAddress.ToString());
        Assert.True(packet.WantsBroadcast);
    }

    /// <summary>RFC 3046 §2.2: in all replies, and last, whoever asks and whatever is answered.</summary>
    [Theory]
    [InlineData(DhcpMode.Server, "system discovers", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Server, "system requests", nameof(DhcpMessage.Ack))]
    [InlineData(DhcpMode.Server, "system requests what it may not have", nameof(DhcpMessage.Nak))]
    [InlineData(DhcpMode.Server, "system informs", nameof(DhcpMessage.Ack))]
    [InlineData(DhcpMode.Server, "bios", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Server, "uefi", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Server, "uefi-http", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Server, "ipxe", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Proxy, "bios", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Proxy, "uefi", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Proxy, "uefi-http", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Proxy, "ipxe", nameof(DhcpMessage.Offer))]
    [InlineData(DhcpMode.Proxy, "boot server", nameof(DhcpMessage.Ack))]
    public void Write_ToAnyRequestWithRelayInformation_ReturnsItWholeRightBeforeTheEnd(DhcpMode mode, string who, string answer)
    {
        using var dhcp = new OfflineDhcp(mode);
        var request = who switch
        {
            "system discovers" => Fixtures.Request(DhcpMessage.Discover),
            "system requests" => Fixtures.Request(DhcpMessage.Request, wants: "10.77.0.150", server: "10.77.0.1"),
            "system requests what it may not have" => Fixtures.Request(DhcpMessage.Request, wants: "192.168.1.1", server: "10.77.0.1"),
            "system informs" => Fixtures.Request(DhcpMessage.Inform, ciaddr: "10.77.0.9"),
            "bios" => Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.VendorClass, "PXEClient:Arch:00000:UNDI:002001"u8.ToArray())]),
            "ipxe" => Captured.Discover("uefi", ipxe: true),
            "boot server" => Captured.DhcpRequests("uefi-proxy").First(one => one.DestinationPort == 4011).Payload,
            _ => Captured.Discover(who, ipxe: false),
        };
        // With a sub-option that nobody here knows, and one whose length is wrong: it is the relay's, not ours to judge.
        byte[] information = [1, 4, 0, 7, 1, 2, 2, 3, .. "sw7"u8, 151, 1, 0, 9, 200];

        var (bytes, packet, _) = dhcp.Expect(WithRelayInformation(request, information), atBootServer: who == "boot server");

        Assert.Equal(answer, packet.Message.ToString());
        Assert.Equal(information, Captured.Option(bytes, 82));
        Assert.Equal((byte)82, LastOption(bytes));
    }

    /// <summary>Option 57 as edk2 sends it: 65280.</summary>
    [Theory]
    [InlineData(0xff, 0x00, 1500, 1472)]
    [InlineData(0xff, 0x00, 9000, 1472)]
    [InlineData(0xff, 0x00, 1280, 1252)]
    [InlineData(0x05, 0xc0, 1500, 1444)]
    [InlineData(0x00, 0x01, 1500, 548)]
    [InlineData(null, null, 1500, 548)]
    public void LimitFor_ClientsMaximum_IsHeldBetweenTheLeastAndTheLink(int? high, int? low, int mtu, int limit)
    {
        (DhcpOption, byte[])[] more = high is null ? [] : [(DhcpOption.MaximumSize, [(byte)high, (byte)low!])];
        var request = Fixtures.Packet(Fixtures.Request(DhcpMessage.Discover, more: more));
        Assert.Equal(limit, DhcpReply.LimitFor(request, Fixtures.Link with { Mtu = mtu }));
    }

    [Fact]
    public void Write_MoreThanFits_LeavesOutWholeOptionsAndKeepsTheNeeded()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var request = Captured.Discover("uefi", ipxe: true).ToArray();
        request[Array.IndexOf(request, (byte)57, 240) + 2] = 2; // a maximum of 704 bytes
        var crowded = new byte[1200];
        request.CopyTo(crowded, 0);
        var end = Array.LastIndexOf(crowded, (byte)255);
        for (var part = 0; part < 3; part++, end += 257)
            (crowded[end], crowded[end + 1]) = (82, 255);
        crowded[end] = 255;

        var (bytes, packet, _) = dhcp.Expect(crowded);

        Assert.InRange(bytes.Length, 300, 704);
        Assert.False(packet.Has(DhcpOption.RelayAgent));
        Assert.StartsWith("http://10.77.0.1:8080/boot/script?", Encoding.ASCII.GetString(packet[DhcpOption.BootFile]), StringComparison.Ordinal);
        Assert.Equal([176, 1, 1], packet[DhcpOption.Ipxe].ToArray());
    }

    [Fact]
    public void Write_NakThroughARelay_AsksItToBroadcast()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var (bytes, packet, route) = dhcp.Expect(Fixtures.Request(DhcpMessage.Request, wants: "192.168.1.1", server: "10.77.0.1", giaddr: "10.77.0.254"));
        Assert.Equal(DhcpMessage.Nak, packet.Message);
        Assert.True(packet.WantsBroadcast);
        Assert.Equal(new ReplyRoute(ReplyRouteKind.Unicast, Ipv4.Parse("10.77.0.254"), 67), route);
        Assert.Equal("wrong network", Encoding.ASCII.GetString(Captured.Option(bytes, 56)));
        Assert.Equal(Ipv4.None, packet.YourAddress);
    }

    private static byte[] WithRelayInformation(byte[] request, byte[] information)
    {
        byte[] relayed = [.. request[..Array.LastIndexOf(request, (byte)DhcpOption.End)], (byte)DhcpOption.RelayAgent, (byte)information.Length, .. information, (byte)DhcpOption.End];
        Ipv4.Parse("10.77.0.254").CopyTo(relayed.AsSpan(24));
        return relayed;
    }

    private static byte LastOption(byte[] packet)
    {
        byte last = 0;
        for (var at = 240; packet[at] != 255; at += 2 + packet[at + 1])
            last = packet[at];
        return last;
    }
}
