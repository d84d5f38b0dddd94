using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot.Dhcp;

/// <summary>What we answer, before it is bytes.</summary>
internal sealed record DhcpReply(DhcpMessage Message)
{
    public Ipv4 YourAddress { get; init; }

    /// <summary>How to use the network; null from a proxy, which gives no addresses.</summary>
    public LeaseTerms? Terms { get; init; }

    /// <summary>Null when it is no boot client of ours.</summary>
    public BootAnswer? Boot { get; init; }

    /// <summary>Beside another DHCP server (PXE 2.1 §2.2).</summary>
    public bool FromProxy { get; init; }

    /// <summary>Why not, in a NAK.</summary>
    public string? Reason { get; init; }

    /// <summary>Writes the packet. What does not fit the limit is left out, least needed last.</summary>
    /// <param name="request">What is answered.</param>
    /// <param name="link">Our side of the network.</param>
    /// <param name="buffer">Where to; see <see cref="LimitFor"/>.</param>
    /// <returns>Its length.</returns>
    public int Write(DhcpPacket request, NetworkLink link, Span<byte> buffer)
    {
        // RFC 2131 §4.3.2: a relay must broadcast a NAK, for the address that the client uses is the wrong one.
        var flags = Message == DhcpMessage.Nak && !request.RelayAddress.IsNone ? (ushort)(request.Flags | 0x8000) : request.Flags;
        var packet = new DhcpWriter(buffer, reply: true, request.TransactionId, flags, request.Mac);
        packet.Addresses(
            Message == DhcpMessage.Ack ? request.ClientAddress : Ipv4.None,
            YourAddress,
            // With siaddr 0 in a proxy's offer iPXE ignores the offer and all that follows; firmware takes it for the TFTP server.
            Boot is null ? Ipv4.None : link.Address,
            request.RelayAddress);

        _ = packet.TryAdd(DhcpOption.MessageType, (byte)Message);
        _ = packet.TryAdd(DhcpOption.ServerIdentifier, link.Address);
        if (Reason is not null)
            _ = packet.TryAdd(DhcpOption.Message, Reason);
        Terms?.AddTo(ref packet);
        if (Boot is not null)
            AddBoot(ref packet, Boot, link);

        // RFC 6842: clients without an address of their own tell by it that the reply is theirs. iPXE and PXE ROMs do not look at it.
        Echo(ref packet, DhcpOption.ClientIdentifier, unless: FromProxy);
        // PXE 2.1 §2.2.3: a boot server returns the identifier; some firmware drops offers without it.
        Echo(ref packet, DhcpOption.MachineIdentifier, unless: Boot is null);
        // RFC 3046 §2.2: untouched, and last.
        Echo(ref packet, DhcpOption.RelayAgent, unless: false);
        return packet.Finish();

        void Echo(ref DhcpWriter to, DhcpOption option, bool unless)
        {
            if (!unless && request.Has(option))
                _ = to.TryAdd(option, request[option]);
        }
    }

    /// <summary>
    /// The largest UDP payload for this client. Option 57 counts the whole IP packet (RFC 2132 §9.10); edk2 asks for 65280 in its REQUEST, so the
    /// link decides too: a PXE ROM does not put fragments together.
    /// </summary>
    public static int LimitFor(DhcpPacket request, NetworkLink link)
    {
        const int Least = 576; // RFC 2131 §2: every client takes this much
        const int IpAndUdpHeaders = 28;
        var asked = request[DhcpOption.MaximumSize] is [var high, var low] ? (high << 8) | low : Least;
        return Math.Clamp(asked, Least, Math.Clamp(link.Mtu, Least, DhcpPacket.MaximumLength)) - IpAndUdpHeaders;
    }

    private void AddBoot(ref DhcpWriter packet, BootAnswer boot, NetworkLink link)
    {
        // Both the header and the options: shim reads only the header's file, UEFI HTTP Boot and some ROMs only option 67.
        packet.Names(link.Address.ToString(), boot.File);

        if (boot.Client.Kind == ClientKind.HttpBoot)
            _ = packet.TryAdd(DhcpOption.VendorClass, "HTTPClient"); // UEFI 2.10 §24.7.3.1: else the offer is not for HTTP Boot
        else if (FromProxy)
            _ = packet.TryAdd(DhcpOption.VendorClass, "PXEClient"); // marks a proxy's offer. In a real server's offer it would send ROMs looking for option 43

        // PXE_DISCOVERY_CONTROL 8: no discovery, load the file named here; PXE_BOOT_MENU_PROMPT: at once. UEFI must not see it: without option 43
        // all of it asks again at port 4011, with it some ignores the offer (pixiecore's finding, and edk2's own two ways through).
        if (FromProxy && boot.Client is { Kind: not ClientKind.HttpBoot, Architecture: ClientArchitecture.Bios })
            _ = packet.TryAdd(DhcpOption.VendorSpecific, [6, 1, 8, 10, 4, 0, (byte)'P', (byte)'X', (byte)'E', 255]);

        // no-pxedhcp: iPXE need not wait two seconds for a proxy's offer.
        if (boot.Client.Kind == ClientKind.Ipxe)
            _ = packet.TryAdd(DhcpOption.Ipxe, [176, 1, 1]);

        // The NUL is for old ROMs that take option 67 for a C string; dnsmasq sends it too.
        _ = packet.TryAdd(DhcpOption.BootFile, boot.File + '\0');
        _ = packet.TryAdd(DhcpOption.TftpServerName, link.Address.ToString());
    }
}
