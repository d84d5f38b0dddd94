using System.Buffers.Binary;

namespace Baremetal.Netboot.Dhcp;

/// <summary>
/// A DHCP packet as received (RFC 2131 §2; options after RFC 2132, split ones joined after RFC 3396).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+---------------+
/// |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
/// +---------------+---------------+---------------+---------------+
/// |                            xid (4)                            |
/// +-------------------------------+-------------------------------+
/// |           secs (2)            |           flags (2)           |
/// +-------------------------------+-------------------------------+
/// |                          ciaddr  (4)                          |
/// |                          yiaddr  (4)                          |
/// |                          siaddr  (4)                          |
/// |                          giaddr  (4)                          |
/// +---------------------------------------------------------------+
/// |                          chaddr  (16)                         |
/// |                          sname   (64)                         |
/// |                          file    (128)                        |
/// +---------------------------------------------------------------+
/// |      cookie 63 82 53 63, then options (variable)              |
/// +---------------------------------------------------------------+
/// </code>
/// </summary>
internal sealed class DhcpPacket
{
    /// <summary>The fixed header with the cookie.</summary>
    public const int HeaderLength = 240;

    /// <summary>More than a packet on Ethernet can carry, so that nothing legal is cut.</summary>
    public const int MaximumLength = 1500;

    internal const uint Cookie = 0x6382_5363;
    internal const int ServerNameAt = 44;
    internal const int ServerNameLength = 64;
    internal const int FileAt = 108;
    internal const int FileLength = 128;
    private const byte MaximumHops = 16;

    private readonly Dictionary<DhcpOption, byte[]> options = [];

    private DhcpPacket(ReadOnlySpan<byte> header)
    {
        IsReply = header[0] == 2;
        Hops = header[3];
        TransactionId = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        Seconds = BinaryPrimitives.ReadUInt16BigEndian(header[8..]);
        Flags = BinaryPrimitives.ReadUInt16BigEndian(header[10..]);
        ClientAddress = Ipv4.From(header[12..]);
        YourAddress = Ipv4.From(header[16..]);
        ServerAddress = Ipv4.From(header[20..]);
        RelayAddress = Ipv4.From(header[24..]);
        Mac = MacAddress.From(header[28..]);
        File = header.Slice(FileAt, FileLength).ToArray();
    }

    /// <summary>From a server, to a client.</summary>
    public bool IsReply { get; }

    public byte Hops { get; }

    public uint TransactionId { get; }

    /// <summary>Since the client began, in seconds; many send whatever they like.</summary>
    public ushort Seconds { get; }

    public ushort Flags { get; }

    /// <summary>The client cannot take unicast before it has an address (RFC 2131 §4.1).</summary>
    public bool WantsBroadcast => (Flags & 0x8000) != 0;

    /// <summary>ciaddr: the address that the client has and answers ARP for.</summary>
    public Ipv4 ClientAddress { get; }

    public Ipv4 YourAddress { get; }

    public Ipv4 ServerAddress { get; }

    /// <summary>giaddr: the relay that passed this on, by its address on the client's network.</summary>
    public Ipv4 RelayAddress { get; }

    public MacAddress Mac { get; }

    /// <summary>The header's boot file field, whole; meaningless where option 52 lends it to options.</summary>
    public ReadOnlyMemory<byte> File { get; }

    public DhcpMessage Message { get; private set; }

    /// <summary>Option 50.</summary>
    public Ipv4 RequestedAddress { get; private set; }

    /// <summary>Option 54.</summary>
    public Ipv4 ServerIdentifier { get; private set; }

    /// <summary>An option's value, joined from all its parts, or an empty span. An option that is present and empty looks the same: to us it is.</summary>
    public ReadOnlySpan<byte> this[DhcpOption option] => options.GetValueOrDefault(option);

    public bool Has(DhcpOption option) => options.ContainsKey(option);

    public static bool TryParse(ReadOnlySpan<byte> datagram, out DhcpPacket packet, out DhcpRejection rejection)
    {
        packet = null!;
        rejection = CheckHeader(datagram);
        if (rejection != DhcpRejection.None)
            return false;
        packet = new DhcpPacket(datagram);
        rejection = packet.ReadOptions(datagram);
        return rejection == DhcpRejection.None;
    }

    private static DhcpRejection CheckHeader(ReadOnlySpan<byte> datagram) => datagram switch
    {
        { Length: < HeaderLength } => DhcpRejection.TooShort,
        { Length: > MaximumLength } => DhcpRejection.TooLong,
        _ when datagram[0] is not (1 or 2) => DhcpRejection.UnknownOperation,
        _ when datagram[1] != 1 || datagram[2] != MacAddress.Length => DhcpRejection.NoEthernetAddress,
        _ when !MacAddress.From(datagram[28..]).IsStation => DhcpRejection.NoEthernetAddress,
        _ when datagram[3] > MaximumHops => DhcpRejection.TooManyHops,
        _ when BinaryPrimitives.ReadUInt32BigEndian(datagram[236..]) != Cookie => DhcpRejection.NoCookie,
        _ => DhcpRejection.None,
    };

    private DhcpRejection ReadOptions(ReadOnlySpan<byte> datagram)
    {
        var rejection = ReadField(datagram[HeaderLength..], isOfOptions: true);
        if (rejection != DhcpRejection.None)
            return rejection;

        // RFC 3396 §5: the option field first, then file, then sname.
        if (options.TryGetValue(DhcpOption.Overload, out var overload))
        {
            if (overload is not [1 or 2 or 3])
                return DhcpRejection.BadOverload;
            if ((overload[0] & 1) != 0)
                rejection = ReadField(datagram.Slice(FileAt, FileLength), isOfOptions: false);
            if (rejection == DhcpRejection.None && (overload[0] & 2) != 0)
                rejection = ReadField(datagram.Slice(ServerNameAt, ServerNameLength), isOfOptions: false);
            if (rejection != DhcpRejection.None)
                return rejection;
        }

        if (this[DhcpOption.MessageType] is not [>= (byte)DhcpMessage.Discover and <= (byte)DhcpMessage.Inform] type)
            return DhcpRejection.NoMessageType;
        Message = (DhcpMessage)type[0];
        if (!TryReadAddress(DhcpOption.RequestedAddress, out var requested) || !TryReadAddress(DhcpOption.ServerIdentifier, out var server))
            return DhcpRejection.BadAddressOption;
        (RequestedAddress, ServerIdentifier) = (requested, server);
        return DhcpRejection.None;
    }

    private DhcpRejection ReadField(ReadOnlySpan<byte> field, bool isOfOptions)
    {
        var before = DhcpOption.Pad;
        for (var at = 0; at < field.Length;)
        {
            var option = (DhcpOption)field[at++];
            if (option == DhcpOption.End)
                return DhcpRejection.None;
            if (option == DhcpOption.Pad)
                continue;
            if (at == field.Length || field[at] > field.Length - at - 1)
                return DhcpRejection.OptionOverrun;
            var value = field.Slice(at + 1, field[at]);
            at += 1 + value.Length;
            var goesOn = option == before;
            before = option;
            // A relay puts its option last in the field, in parts that follow each other; what a machine puts elsewhere would pass for its word.
            if (option == DhcpOption.RelayAgent && !isOfOptions)
                continue;
            var joins = option != DhcpOption.RelayAgent || goesOn;
            options[option] = joins && options.TryGetValue(option, out var begun) ? [.. begun, .. value] : value.ToArray();
        }
        // Option 255 must close the field (RFC 2131 §4.1); what came before it stands even where a client forgot it.
        return DhcpRejection.None;
    }

    private bool TryReadAddress(DhcpOption option, out Ipv4 address)
    {
        address = Ipv4.None;
        if (!options.TryGetValue(option, out var value))
            return true;
        if (value.Length != Ipv4.Length)
            return false;
        address = Ipv4.From(value);
        return true;
    }
}
