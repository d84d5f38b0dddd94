using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

public sealed class DhcpPacketTests
{
    private static readonly byte[] Good = Fixtures.Request(DhcpMessage.Request, wants: "10.77.0.150", server: "10.77.0.1");

    [Fact]
    public void TryParse_Written_IsReadBack()
    {
        var packet = Fixtures.Packet(Fixtures.Request(
            DhcpMessage.Request, ciaddr: "10.77.0.9", wants: "10.77.0.150", server: "10.77.0.1", giaddr: "10.9.0.1", flags: 0x8000, more: [(DhcpOption.HostName, "web-1"u8.ToArray())]));

        Assert.False(packet.IsReply);
        Assert.Equal(DhcpMessage.Request, packet.Message);
        Assert.Equal(0x12345678u, packet.TransactionId);
        Assert.Equal(Fixtures.Mac, packet.Mac);
        Assert.True(packet.WantsBroadcast);
        Assert.Equal("10.77.0.9", packet.ClientAddress.ToString());
        Assert.Equal("10.9.0.1", packet.RelayAddress.ToString());
        Assert.Equal("10.77.0.150", packet.RequestedAddress.ToString());
        Assert.Equal("10.77.0.1", packet.ServerIdentifier.ToString());
        Assert.Equal("web-1"u8.ToArray(), packet[DhcpOption.HostName].ToArray());
    }

    [Fact]
    public void TryParse_LongOption_IsJoinedFromItsParts()
    {
        var value = Enumerable.Range(0, 600).Select(i => (byte)i).ToArray();
        var datagram = Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.RelayAgent, value)]);
        Assert.Equal(value, Fixtures.Packet(datagram)[DhcpOption.RelayAgent].ToArray());
        Assert.Equal(255, Captured.Option(datagram, 82).Length);
    }

    [Fact]
    public void TryParse_OptionsGoOnInFileThenName_AreAllRead()
    {
        var datagram = Good.ToArray();
        At(datagram, 240, [53, 1, 1, 52, 1, 3, 77, 2, (byte)'i', (byte)'P', 255]);
        At(datagram, 108, [77, 1, (byte)'X', 255]); // file
        At(datagram, 44, [77, 1, (byte)'E', 12, 1, (byte)'h', 255]); // sname
        var packet = Fixtures.Packet(datagram);
        Assert.Equal("iPXE"u8.ToArray(), packet[DhcpOption.UserClass].ToArray());
        Assert.Equal("h"u8.ToArray(), packet[DhcpOption.HostName].ToArray());
    }

    [Fact]
    public void TryParse_NoEndMark_IsReadAllTheSame()
    {
        var datagram = Good.AsSpan(0, 243).ToArray();
        At(datagram, 240, [53, 1, 1]);
        Assert.Equal(DhcpMessage.Discover, Fixtures.Packet(datagram).Message);
    }

    public static TheoryData<string, string> Rejected => new()
    {
        { nameof(DhcpRejection.TooShort), "short" },
        { nameof(DhcpRejection.TooLong), "long" },
        { nameof(DhcpRejection.UnknownOperation), "0:3" },
        { nameof(DhcpRejection.NoEthernetAddress), "1:6" },
        { nameof(DhcpRejection.NoEthernetAddress), "2:16" },
        { nameof(DhcpRejection.NoEthernetAddress), "28:1" }, // a group address
        { nameof(DhcpRejection.TooManyHops), "3:17" },
        { nameof(DhcpRejection.NoCookie), "236:0" },
        { nameof(DhcpRejection.OptionOverrun), "241:255" },
        { nameof(DhcpRejection.BadOverload), "240:52,1,4" },
        { nameof(DhcpRejection.BadOverload), "240:52,0" },
        { nameof(DhcpRejection.NoMessageType), "240:255" },
        { nameof(DhcpRejection.NoMessageType), "242:0" },
        { nameof(DhcpRejection.NoMessageType), "242:9" },
        { nameof(DhcpRejection.NoMessageType), "240:53,2,1,1" },
        { nameof(DhcpRejection.BadAddressOption), "243:50,3,1,2,3,255" },
        { nameof(DhcpRejection.BadAddressOption), "243:54,5,1,2,3,4,5,255" },
    };

    [Theory]
    [MemberData(nameof(Rejected))]
    public void TryParse_Broken_IsRejectedWithItsReason(string reason, string how)
    {
        var datagram = how switch
        {
            "short" => Good[..239],
            "long" => [.. Good, .. new byte[1501 - Good.Length]],
            _ => Good.ToArray(),
        };
        if (how.Split(':') is [var offset, var bytes])
            At(datagram, int.Parse(offset), [.. bytes.Split(',').Select(byte.Parse)]);

        Assert.False(DhcpPacket.TryParse(datagram, out _, out var rejection));
        Assert.Equal(reason, rejection.ToString());
    }

    private static void At(byte[] datagram, int offset, ReadOnlySpan<byte> bytes) => bytes.CopyTo(datagram.AsSpan(offset));
}
