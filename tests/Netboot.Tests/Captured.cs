using System.Buffers.Binary;

namespace Baremetal.Netboot.Tests;

/// <summary>A UDP datagram of a capture: real firmware under QEMU talking to dnsmasq.</summary>
internal sealed record Captured(int SourcePort, int DestinationPort, byte[] Payload)
{
    /// <summary>Every UDP datagram of <c>Captures/NAME.pcap</c>, in order.</summary>
    public static IReadOnlyList<Captured> Read(string name)
    {
        const int fileHeader = 24, recordHeader = 16, ethernet = 14, ip = 20, udp = 8;
        var file = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Captures", name + ".pcap"));
        var datagrams = new List<Captured>();
        for (var at = fileHeader; at < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 8));
            var frame = file.AsSpan(at + recordHeader, length);
            at += recordHeader + length;
            datagrams.Add(new Captured(
                BinaryPrimitives.ReadUInt16BigEndian(frame[(ethernet + ip)..]),
                BinaryPrimitives.ReadUInt16BigEndian(frame[(ethernet + ip + 2)..]),
                frame[(ethernet + ip + udp)..].ToArray()));
        }
        return datagrams;
    }

    /// <summary>What the client sent to a DHCP server (67) or a boot server (4011).</summary>
    public static IReadOnlyList<Captured> DhcpRequests(string name) =>
        [.. Read(name).Where(datagram => datagram.DestinationPort is 67 or 4011 && datagram.Payload[0] == 1)];

    public static IReadOnlyList<Captured> TftpRequests(string name) => [.. Read(name).Where(datagram => datagram.DestinationPort == 69)];

    /// <summary>The one DISCOVER of the firmware itself, or of the iPXE that it loaded.</summary>
    public static byte[] Discover(string name, bool ipxe) =>
        DhcpRequests(name).Select(one => one.Payload).First(payload => Option(payload, 53) is [1] && Option(payload, 77).Length > 0 == ipxe);

    /// <summary>An option's value, found by a second, simpler reader than the one that is tested.</summary>
    public static byte[] Option(ReadOnlySpan<byte> packet, byte code)
    {
        for (var options = packet[240..]; options is [not 255, ..];)
            if (options[0] == 0)
                options = options[1..];
            else if (options[0] == code)
                return options.Slice(2, options[1]).ToArray();
            else
                options = options[(2 + options[1])..];
        return [];
    }
}
