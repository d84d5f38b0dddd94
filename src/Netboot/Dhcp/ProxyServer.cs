using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot.Dhcp;

/// <summary>
/// What to boot, beside a server that gives the addresses (PXE 2.1 §2.2.2): an OFFER without an address for each DISCOVER of a boot client, and an
/// ACK at port 4011 for those that ask there once they have one.
/// </summary>
internal static class ProxyServer
{
    public const ushort Port = 4011;

    /// <summary>At port 67. REQUESTs there are for the other server.</summary>
    public static DhcpReply? AnswerBroadcast(DhcpPacket request, BootAnswer? boot) =>
        boot is not null && request.Message == DhcpMessage.Discover ? new DhcpReply(DhcpMessage.Offer) { Boot = boot, FromProxy = true } : null;

    /// <summary>At port 4011, from REQUEST or, by some firmware, INFORM.</summary>
    public static DhcpReply? AnswerBootServerRequest(DhcpPacket request, BootAnswer? boot) =>
        boot is not null && request.Message is DhcpMessage.Request or DhcpMessage.Inform ? new DhcpReply(DhcpMessage.Ack) { Boot = boot, FromProxy = true } : null;
}
