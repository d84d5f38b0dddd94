using System.Net;

namespace Baremetal.Netboot.Ipv6;

/// <summary>
/// ICMPv6 type 133 (RFC 4861 §4.1): "is a router here?"
/// <code>
///  0                   1                   2                   3
/// +-------+-------+---------------+
/// |  133  |   0   |   checksum    |   the kernel has checked it
/// +-------+-------+---------------+
/// |           reserved            |
/// +-------+-------+---------------+
/// | type  | length in 8 bytes ...     options; 1: the sender's link-layer address
/// </code>
/// </summary>
/// <param name="Mac">Who asks: by its option, else by the interface identifier that firmware makes of its hardware address.</param>
internal sealed record RouterSolicitation(MacAddress Mac)
{
    public const byte Type = 133;

    internal const int HeaderLength = 8;
    internal const byte SourceLinkLayerAddress = 1;
    private const int MaximumLength = 1280; // what every IPv6 link carries

    /// <returns>False also where it cannot be told who asks.</returns>
    public static bool TryParse(ReadOnlySpan<byte> message, IPAddress source, out RouterSolicitation solicitation)
    {
        solicitation = null!;
        if (message.Length is < HeaderLength or > MaximumLength || message[0] != Type || message[1] != 0)
            return false;
        MacAddress mac = default;
        for (var options = message[HeaderLength..]; !options.IsEmpty; options = options[(options[1] * 8)..])
        {
            if (options.Length < 2 || options[1] == 0 || options[1] * 8 > options.Length)
                return false; // RFC 4861 §6.1.1
            if (options[0] == SourceLinkLayerAddress && options[1] == 1)
                mac = MacAddress.From(options[2..]);
        }
        if (!mac.IsStation && !TryFromInterfaceIdentifier(source, out mac))
            return false;
        solicitation = new RouterSolicitation(mac);
        return true;
    }

    /// <summary>RFC 4291, appendix A: 52:54:00:12:34:56 is fe80::5054:ff:fe12:3456 with the universal bit turned.</summary>
    private static bool TryFromInterfaceIdentifier(IPAddress source, out MacAddress mac)
    {
        mac = default;
        Span<byte> bytes = stackalloc byte[16];
        if (!source.IsIPv6LinkLocal || !source.TryWriteBytes(bytes, out _) || bytes[11] != 0xff || bytes[12] != 0xfe)
            return false;
        mac = MacAddress.From([(byte)(bytes[8] ^ 2), bytes[9], bytes[10], bytes[13], bytes[14], bytes[15]]);
        return mac.IsStation;
    }
}
