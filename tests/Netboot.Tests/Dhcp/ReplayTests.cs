using System.Text;
using Baremetal.Netboot.Boot;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

/// <summary>Packets of real firmware, and the fields that each firmware is known to need in the answer.</summary>
public sealed class ReplayTests
{
    private const string Script = "http://10.77.0.1:8080/boot/script?mac=52:54:00:77:00:00&uuid=77770000-0000-4000-8000-525400770000&arch=";
    private const string HttpLoader = "http://10.77.0.1:8080/boot/loaders/snponly.efi";

    public static TheoryData<string, bool, string> Boots => new()
    {
        // capture, by iPXE, what it is to load
        { "bios", true, Script + "0" },
        { "uefi", false, "snponly.efi" },
        { "uefi", true, Script + "7" },
        { "uefi-http", false, HttpLoader },
        { "uefi-http", true, Script + "7" },
        { "uefi-sb", false, "snponly.efi" },
    };

    [Theory]
    [MemberData(nameof(Boots))]
    public void Server_Discover_OffersAddressAndLoaderInHeaderAndOptions(string capture, bool ipxe, string file)
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var request = Captured.Discover(capture, ipxe);

        var (bytes, packet, _) = dhcp.Expect(request);

        Assert.Equal(DhcpMessage.Offer, packet.Message);
        Assert.True(packet.IsReply);
        Assert.Equal(request[4..8], bytes[4..8]);
        Assert.InRange(packet.YourAddress.Value, Ipv4.Parse("10.77.0.100").Value, Ipv4.Parse("10.77.0.200").Value);
        Assert.Equal(Fixtures.Us, packet.ServerIdentifier);
        Assert.Equal(Fixtures.Us, packet.ServerAddress);
        Assert.Equal(file, Text(bytes.AsSpan(108, 128)));
        Assert.Equal(file, Text(Captured.Option(bytes, 67)));
        Assert.Equal("10.77.0.1", Text(Captured.Option(bytes, 66)));
        Assert.Equal("10.77.0.1", Text(bytes.AsSpan(44, 64)));
        Assert.Equal([255, 255, 255, 0], Captured.Option(bytes, 1));
        Assert.Equal([0, 0, 14, 16], Captured.Option(bytes, 51));
        Assert.Equal(Captured.Option(request, 97), Captured.Option(bytes, 97));
        Assert.Equal(Captured.Option(request, 61), Captured.Option(bytes, 61));
        Assert.Empty(Captured.Option(bytes, 43));
        Assert.True(bytes.Length >= 300);
    }

    [Theory]
    [InlineData("bios", true)]
    [InlineData("uefi", true)]
    [InlineData("uefi-proxy", true)]
    public void Server_DiscoverOfIpxe_SaysThatNoProxyComes(string capture, bool ipxe)
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        Assert.Equal([176, 1, 1], Captured.Option(dhcp.Expect(Captured.Discover(capture, ipxe)).Bytes, 175));
    }

    [Fact]
    public void Server_DiscoverOfHttpBoot_NamesItselfHttpClient()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        Assert.Equal("HTTPClient", Text(Captured.Option(dhcp.Expect(Captured.Discover("uefi-http", ipxe: false)).Bytes, 60)));
    }

    [Fact]
    public void Server_DiscoverOfPxe_DoesNotNameItselfPxeClient()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        Assert.Empty(Captured.Option(dhcp.Expect(Captured.Discover("uefi", ipxe: false)).Bytes, 60));
    }

    [Theory]
    [InlineData("bios")]
    [InlineData("uefi")]
    [InlineData("uefi-http")]
    [InlineData("uefi-ipxesnp")]
    public void Server_WholeBoot_KeepsOneAddressAndAcknowledgesIt(string capture)
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var offered = dhcp.Expect(Captured.DhcpRequests(capture)[0].Payload).Packet.YourAddress;

        foreach (var (_, _, payload) in Captured.DhcpRequests(capture))
        {
            // The captured REQUESTs name the address that dnsmasq gave.
            var answer = dhcp.Expect(Readdressed(payload, offered)).Packet;
            Assert.Equal(offered, answer.YourAddress);
            Assert.Equal(Fixtures.Packet(payload).Message == DhcpMessage.Discover ? DhcpMessage.Offer : DhcpMessage.Ack, answer.Message);
        }
    }

    [Theory]
    [InlineData("bios", true, true)]
    [InlineData("uefi", false, false)]
    [InlineData("uefi", true, false)]
    public void Proxy_Discover_OffersLoaderWithoutAddress(string capture, bool ipxe, bool discoveryControl)
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Proxy);
        var request = Captured.Discover(capture, ipxe);

        var (bytes, packet, route) = dhcp.Expect(request);

        Assert.Equal(DhcpMessage.Offer, packet.Message);
        Assert.Equal(Ipv4.None, packet.YourAddress);
        Assert.Equal(Fixtures.Us, packet.ServerAddress);
        Assert.Equal("PXEClient", Text(Captured.Option(bytes, 60)));
        Assert.Equal(ipxe ? Script + Captured.Option(request, 93)[1] : "snponly.efi", Text(bytes.AsSpan(108, 128)));
        Assert.Equal(Captured.Option(request, 97), Captured.Option(bytes, 97));
        Assert.Equal(discoveryControl ? [6, 1, 8, 10, 4, 0, 0x50, 0x58, 0x45, 255] : [], Captured.Option(bytes, 43));
        Assert.Empty(Captured.Option(bytes, 1));
        Assert.Empty(Captured.Option(bytes, 51));
        Assert.Empty(Captured.Option(bytes, 61));
        Assert.Equal(ReplyRouteKind.Broadcast, route.Kind);
    }

    [Fact]
    public void Proxy_RequestAtPort4011_IsAcknowledgedWithTheLoader()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Proxy);
        var request = Captured.DhcpRequests("uefi-proxy").Single(one => one.DestinationPort == 4011);

        var (bytes, packet, _) = dhcp.Expect(request.Payload, atBootServer: true);

        Assert.Equal(DhcpMessage.Ack, packet.Message);
        Assert.Equal(Ipv4.None, packet.YourAddress);
        Assert.Equal(Ipv4.Parse("10.77.0.129"), packet.ClientAddress);
        Assert.Equal(Fixtures.Us, packet.ServerAddress);
        Assert.Equal("snponly.efi", Text(bytes.AsSpan(108, 128)));
        Assert.Equal("PXEClient", Text(Captured.Option(bytes, 60)));
        Assert.Empty(Captured.Option(bytes, 43));
    }

    [Fact]
    public void Proxy_RequestForTheOtherServer_IsNotAnswered()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Proxy);
        foreach (var request in Captured.DhcpRequests("bios-proxy").Where(one => Fixtures.Packet(one.Payload).Message == DhcpMessage.Request))
            Assert.Null(dhcp.Answer(request.Payload));
        Assert.Contains(dhcp.Sightings, one => one.Address!.Equals(OfflineDhcp.Address("10.77.0.129")));
    }

    [Theory]
    [InlineData(DhcpMode.Server)]
    [InlineData(DhcpMode.Proxy)]
    public void Discover_MachineThatIsNotOurs_GetsNothingToBoot(DhcpMode mode)
    {
        using var dhcp = new OfflineDhcp(mode, BootChoice.Ignore);

        var answer = dhcp.Answer(Captured.Discover("uefi", ipxe: false));

        Assert.Equal(mode == DhcpMode.Server, answer is not null);
        if (answer is not { Bytes: var bytes, Packet: var packet })
            return;
        Assert.NotEqual(Ipv4.None, packet.YourAddress);
        Assert.Equal(Ipv4.None, packet.ServerAddress);
        Assert.Equal("", Text(bytes.AsSpan(108, 128)));
        foreach (byte option in new[] { 43, 60, 66, 67, 97, 175 })
            Assert.Empty(Captured.Option(bytes, option));
    }

    [Fact]
    public void Discover_LocalDisk_GetsTheSameWayToItsScript()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server, BootChoice.LocalDisk);
        Assert.Equal("snponly.efi", Text(dhcp.Expect(Captured.Discover("uefi", ipxe: false)).Bytes.AsSpan(108, 128)));
    }

    [Fact]
    public void Discover_PolicyIsAsked_WithWhatTheFirmwareSaysOfTheMachine()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        dhcp.Expect(Captured.Discover("uefi", ipxe: false));
        Assert.Equal([new Machine(Fixtures.Mac, Guid.Parse("77770000-0000-4000-8000-525400770000"), ClientArchitecture.EfiX64)], dhcp.Asked);
    }

    [Fact]
    public void Discover_UuidOfZeros_IsNoUuid()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var (bytes, _, _) = dhcp.Expect(Captured.Discover("uefi-ipxesnp", ipxe: true));
        Assert.Null(dhcp.Asked.Single().Uuid);
        Assert.Equal("http://10.77.0.1:8080/boot/script?mac=52:54:00:77:00:01&arch=7", Text(Captured.Option(bytes, 67)));
    }

    private static byte[] Readdressed(byte[] payload, Ipv4 address)
    {
        var copy = payload.ToArray();
        for (var at = 240; copy[at] != 255; at += 2 + copy[at + 1])
            if (copy[at] == 50)
                address.CopyTo(copy.AsSpan(at + 2));
        return copy;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.ASCII.GetString(bytes).TrimEnd('\0');
}
