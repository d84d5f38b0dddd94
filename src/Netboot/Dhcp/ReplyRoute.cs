namespace Baremetal.Netboot.Dhcp;

internal enum ReplyRouteKind
{
    /// <summary>To an address that answers ARP, or lies behind a router.</summary>
    Unicast,

    /// <summary>To an Ethernet address, whose owner does not answer ARP for the address that we give it.</summary>
    Hardware,

    /// <summary>To all of the link.</summary>
    Broadcast,
}

/// <summary>Where a reply goes: RFC 2131 §4.1, in its order.</summary>
internal readonly record struct ReplyRoute(ReplyRouteKind Kind, Ipv4 Address, ushort Port)
{
    public const ushort ServerPort = 67;
    public const ushort ClientPort = 68;

    private static ReplyRoute ToAll => new(ReplyRouteKind.Broadcast, Ipv4.Broadcast, ClientPort);

    public static ReplyRoute For(DhcpPacket request, DhcpReply reply) => request switch
    {
        { RelayAddress.IsNone: false } => new(ReplyRouteKind.Unicast, request.RelayAddress, ServerPort),
        _ when reply.Message == DhcpMessage.Nak => ToAll,
        { ClientAddress.IsNone: false } => new(ReplyRouteKind.Unicast, request.ClientAddress, ClientPort),
        { WantsBroadcast: true } => ToAll,
        // A proxy gives no address to unicast to.
        _ when reply.YourAddress.IsNone => ToAll,
        _ => new(ReplyRouteKind.Hardware, reply.YourAddress, ClientPort),
    };
}
