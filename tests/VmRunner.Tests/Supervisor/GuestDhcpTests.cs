using System.Buffers.Binary;
using Baremetal.Netboot;
using Baremetal.Netboot.Dhcp;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

public sealed class GuestDhcpTests
{
    private static readonly MacAddress _guest = Mac("52:54:00:aa:bb:01");
    private static readonly Ipv4 _address = Ipv4.Parse("10.88.0.7");

    private static readonly ContainerLink _link = new(
        "eth0", _guest, _address, 16, Ipv4.Parse("10.88.0.1"), [Ipv4.Parse("10.88.0.1")], ["lab.example"], "web", 1400);

    private readonly GuestDhcp _dhcp = new(_link);

    [Fact]
    public void Discover_OfTheGuest_IsOfferedTheContainersNetwork()
    {
        var offer = Sent(Ask(DhcpMessage.Discover));

        Assert.Equal((DhcpMessage.Offer, _address, GuestNetwork.Here), (offer.Message, offer.YourAddress, offer.ServerIdentifier));
        Assert.Equal([255, 255, 0, 0], offer[DhcpOption.SubnetMask].ToArray());
        Assert.Equal([10, 88, 0, 1], offer[DhcpOption.Router].ToArray());
        Assert.Equal([10, 88, 0, 1], offer[DhcpOption.DomainNameServer].ToArray());
        Assert.Equal("web"u8.ToArray(), offer[DhcpOption.HostName].ToArray());
        Assert.Equal("lab.example"u8.ToArray(), offer[DhcpOption.DomainName].ToArray());
        Assert.Equal(1400, BinaryPrimitives.ReadUInt16BigEndian(offer[DhcpOption.InterfaceMtu]));
        Assert.Equal(uint.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(offer[DhcpOption.LeaseTime]));
        Assert.Equal([32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 10, 88, 0, 1], offer[DhcpOption.ClasslessRoutes].ToArray());
    }

    [Fact]
    public void Request_OfItsAddress_IsGranted() => Assert.Equal(DhcpMessage.Ack, Sent(Ask(DhcpMessage.Request, wanted: _address)).Message);

    [Fact]
    public void Request_OfAnAddressOfAnEarlierLife_IsDenied() => Assert.Equal(DhcpMessage.Nak, Sent(Ask(DhcpMessage.Request, wanted: Ipv4.Parse("10.88.0.9"))).Message);

    [Fact]
    public void Request_ToAnotherServer_IsLeftToIt() => Assert.Null(_dhcp.Answer(Ask(DhcpMessage.Request, wanted: _address, server: Ipv4.Parse("10.88.0.1"))));

    [Fact]
    public void Discover_OfAnotherMachine_IsNotAnswered() => Assert.Null(_dhcp.Answer(Ask(DhcpMessage.Discover, mac: "52:54:00:aa:bb:02")));

    private static DhcpPacket Ask(DhcpMessage message, Ipv4 wanted = default, Ipv4 server = default, string? mac = null)
    {
        var buffer = new byte[DhcpPacket.MaximumLength];
        var writer = new DhcpWriter(buffer, reply: false, 7, 0, mac is null ? _guest : Mac(mac));
        _ = writer.TryAdd(DhcpOption.MessageType, (byte)message);
        if (!wanted.IsNone)
            _ = writer.TryAdd(DhcpOption.RequestedAddress, wanted);
        if (!server.IsNone)
            _ = writer.TryAdd(DhcpOption.ServerIdentifier, server);
        return Parse(buffer.AsSpan(0, writer.Finish()));
    }

    private DhcpPacket Sent(DhcpPacket request)
    {
        var buffer = new byte[DhcpPacket.MaximumLength];
        var answer = _dhcp.Answer(request);
        Assert.NotNull(answer);
        return Parse(buffer.AsSpan(0, answer.Write(request, GuestDhcp.Here(_link), buffer)));
    }

    private static DhcpPacket Parse(ReadOnlySpan<byte> datagram)
    {
        Assert.True(DhcpPacket.TryParse(datagram, out var packet, out var rejection), rejection.ToString());
        return packet;
    }

    private static MacAddress Mac(string text) => MacAddress.TryParse(text, out var mac) ? mac : throw new FormatException(text);
}
