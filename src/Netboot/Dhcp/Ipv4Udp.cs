using System.Buffers.Binary;

namespace Baremetal.Netboot.Dhcp;

/// <summary>A UDP datagram with its IPv4 header (RFC 791, RFC 768), for what the kernel cannot send: a unicast before ARP works.</summary>
internal static class Ipv4Udp
{
    public const int HeaderLength = 28;
    private const int IpLength = 20;
    private const byte Udp = 17;

    /// <summary>Writes both headers before the payload, which already lies in <paramref name="packet"/> after <see cref="HeaderLength"/> bytes.</summary>
    public static void WriteHeaders(Span<byte> packet, Ipv4 source, ushort sourcePort, Ipv4 destination, ushort destinationPort)
    {
        packet[..HeaderLength].Clear();
        packet[0] = 0x45; // version 4, five words of header
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], checked((ushort)packet.Length));
        packet[6] = 0x40; // do not fragment
        packet[8] = 64; // time to live
        packet[9] = Udp;
        source.CopyTo(packet[12..]);
        destination.CopyTo(packet[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], Checksum(packet[..IpLength], 0));

        var datagram = packet[IpLength..];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[2..], destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[4..], (ushort)datagram.Length);
        var pseudoHeader = (source.Value >> 16) + (ushort)source.Value + (destination.Value >> 16) + (ushort)destination.Value + Udp + (uint)datagram.Length;
        var checksum = Checksum(datagram, pseudoHeader);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[6..], checksum == 0 ? ushort.MaxValue : checksum);
    }

    /// <summary>Reads a whole datagram. Checksums are not looked at: a virtual link delivers packets whose checksum the hardware was to fill in.</summary>
    public static bool TryRead(ReadOnlySpan<byte> packet, out Ipv4 source, out ushort destinationPort, out ReadOnlySpan<byte> payload)
    {
        source = default;
        destinationPort = 0;
        payload = default;
        if (packet.Length < IpLength || packet[0] >> 4 != 4 || packet[9] != Udp || (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0)
            return false;
        var headerLength = (packet[0] & 0xf) * 4;
        var length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (headerLength < IpLength || length > packet.Length || length < headerLength + 8)
            return false;
        source = Ipv4.From(packet[12..]);
        destinationPort = BinaryPrimitives.ReadUInt16BigEndian(packet[(headerLength + 2)..]);
        payload = packet[(headerLength + 8)..length];
        return true;
    }

    /// <summary>The internet checksum (RFC 1071).</summary>
    private static ushort Checksum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (; bytes.Length > 1; bytes = bytes[2..])
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        if (bytes.Length == 1)
            sum += (uint)bytes[0] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~((sum & 0xffff) + (sum >> 16));
    }
}
