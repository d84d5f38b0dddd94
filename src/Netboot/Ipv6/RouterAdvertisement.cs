namespace Baremetal.Netboot.Ipv6;

/// <summary>
/// ICMPv6 type 134 (RFC 4861 §4.2) that says as little as one can: no default route (lifetime 0), no prefix, no DHCPv6. Whoever hears it knows that
/// it need not wait for more, and changes nothing.
/// </summary>
internal static class RouterAdvertisement
{
    public const byte Type = 134;
    private const int HeaderLength = 16;

    /// <summary>The kernel fills in the checksum.</summary>
    public static byte[] Empty(MacAddress sender)
    {
        var message = new byte[HeaderLength + 8];
        message[0] = Type;
        message[HeaderLength] = RouterSolicitation.SourceLinkLayerAddress;
        message[HeaderLength + 1] = 1;
        sender.CopyTo(message.AsSpan(HeaderLength + 2));
        return message;
    }
}
