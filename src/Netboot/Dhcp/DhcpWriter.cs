using System.Buffers.Binary;
using System.Text;

namespace Baremetal.Netboot.Dhcp;

/// <summary>Writes a DHCP packet front to back. An option that would pass the limit is left out whole, and the caller is told.</summary>
internal ref struct DhcpWriter
{
    /// <summary>BOOTP's size (RFC 951). Relays and some firmware drop what is shorter.</summary>
    private const int MinimumLength = 300;

    private readonly Span<byte> packet;
    private int length = DhcpPacket.HeaderLength;

    /// <param name="buffer">At least 300 bytes; its length is the limit.</param>
    public DhcpWriter(Span<byte> buffer, bool reply, uint transactionId, ushort flags, MacAddress mac)
    {
        packet = buffer;
        packet.Clear();
        packet[0] = reply ? (byte)2 : (byte)1;
        packet[1] = 1;
        packet[2] = MacAddress.Length;
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], transactionId);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], flags);
        mac.CopyTo(packet[28..]);
        BinaryPrimitives.WriteUInt32BigEndian(packet[236..], DhcpPacket.Cookie);
    }

    public readonly void Addresses(Ipv4 client, Ipv4 your, Ipv4 server, Ipv4 relay)
    {
        client.CopyTo(packet[12..]);
        your.CopyTo(packet[16..]);
        server.CopyTo(packet[20..]);
        relay.CopyTo(packet[24..]);
    }

    /// <summary>The header's <c>sname</c> and <c>file</c>, each with its closing NUL. One that does not fit stays empty.</summary>
    public readonly void Names(string server, string file)
    {
        if (server.Length < DhcpPacket.ServerNameLength)
            Encoding.ASCII.GetBytes(server, packet.Slice(DhcpPacket.ServerNameAt, DhcpPacket.ServerNameLength));
        if (file.Length < DhcpPacket.FileLength)
            Encoding.ASCII.GetBytes(file, packet.Slice(DhcpPacket.FileAt, DhcpPacket.FileLength));
    }

    /// <summary>Values of more than 255 bytes are split into several options of the same code (RFC 3396 §4).</summary>
    public bool TryAdd(DhcpOption option, scoped ReadOnlySpan<byte> value)
    {
        var parts = Math.Max(1, (value.Length + 254) / 255);
        if (length + (2 * parts) + value.Length + 1 > packet.Length) // 1: the end mark
            return false;
        do
        {
            var part = value[..Math.Min(value.Length, 255)];
            packet[length++] = (byte)option;
            packet[length++] = (byte)part.Length;
            part.CopyTo(packet[length..]);
            length += part.Length;
            value = value[part.Length..];
        }
        while (!value.IsEmpty);
        return true;
    }

    public bool TryAdd(DhcpOption option, byte value) => TryAdd(option, [value]);

    public bool TryAdd(DhcpOption option, Ipv4 address)
    {
        Span<byte> value = stackalloc byte[Ipv4.Length];
        address.CopyTo(value);
        return TryAdd(option, value);
    }

    public bool TryAdd(DhcpOption option, TimeSpan time)
    {
        Span<byte> value = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(value, (uint)time.TotalSeconds);
        return TryAdd(option, value);
    }

    public bool TryAdd(DhcpOption option, string text) => TryAdd(option, Encoding.ASCII.GetBytes(text));

    /// <returns>How much of the buffer is the packet.</returns>
    public int Finish()
    {
        packet[length++] = (byte)DhcpOption.End;
        return Math.Max(length, MinimumLength);
    }
}
