using System.Buffers.Binary;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

public sealed class Ipv4UdpTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(1471)]
    public void WriteHeaders_ReadBack_IsTheSame(int length)
    {
        var payload = Enumerable.Range(0, length).Select(i => (byte)(i * 7)).ToArray();
        var packet = Packet(payload);

        Assert.True(Ipv4Udp.TryRead(packet, out var source, out var port, out var read));

        Assert.Equal("10.77.0.1", source.ToString());
        Assert.Equal(68, port);
        Assert.Equal(payload, read.ToArray());
    }

    [Theory]
    [InlineData(300)]
    [InlineData(301)]
    public void WriteHeaders_Checksums_AddUpAsTheRfcsSay(int length)
    {
        var packet = Packet(Enumerable.Range(0, length).Select(i => (byte)(i * 13)).ToArray());
        Assert.Equal(0xffffu, OnesComplementSum(packet.AsSpan(0, 20)));
        byte[] pseudo = [10, 77, 0, 1, 10, 77, 0, 150, 0, 17, packet[24], packet[25], .. packet[20..]];
        Assert.Equal(0xffffu, OnesComplementSum(pseudo));
    }

    [Theory]
    [InlineData(0, 0x65)] // version 6
    [InlineData(0, 0x44)] // a header of 16 bytes
    [InlineData(9, 6)] // TCP
    [InlineData(6, 0x20)] // more fragments
    [InlineData(7, 1)] // a later fragment
    [InlineData(2, 0xff)] // longer than it is
    [InlineData(3, 20)] // no room for UDP
    public void TryRead_NotAWholeDatagram_IsRefused(int at, byte value)
    {
        var packet = Packet(new byte[100]);
        packet[at] = value;
        if (at == 3)
            packet[2] = 0;
        Assert.False(Ipv4Udp.TryRead(packet, out _, out _, out _));
    }

    private static byte[] Packet(byte[] payload)
    {
        byte[] packet = [.. new byte[Ipv4Udp.HeaderLength], .. payload];
        Ipv4Udp.WriteHeaders(packet, Ipv4.Parse("10.77.0.1"), 67, Ipv4.Parse("10.77.0.150"), 68);
        return packet;
    }

    private static uint OnesComplementSum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (; bytes.Length > 1; bytes = bytes[2..])
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        sum += bytes.Length == 1 ? (uint)bytes[0] << 8 : 0;
        while (sum > 0xffff)
            sum = (sum >> 16) + (sum & 0xffff);
        return sum;
    }
}
