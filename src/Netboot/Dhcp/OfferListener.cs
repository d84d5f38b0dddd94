using System.Net.Sockets;
using System.Text;

namespace Baremetal.Netboot.Dhcp;

/// <summary>An offer that is not ours.</summary>
/// <param name="Server">Option 54, or the address that it came from.</param>
/// <param name="Offered">The address that it offers; none from a proxy.</param>
/// <param name="BootFile">What it would have the machine boot, or null.</param>
internal sealed record ForeignOffer(Ipv4 Server, MacAddress Client, Ipv4 Offered, string? BootFile)
{
    public override string ToString() =>
        $"{Server} ({(Offered.IsNone ? "without an address" : $"offered {Offered}")}{(BootFile is null ? "" : $", boot file {BootFile}")})";
}

/// <summary>Hears the offers of other servers, as far as the switch lets us: those that are broadcast, or meant for this machine.</summary>
internal sealed class OfferListener : IDisposable
{
    private readonly NetworkLink link;
    private readonly PacketSocket packets;
    private readonly byte[] buffer = new byte[Ipv4Udp.HeaderLength + DhcpPacket.MaximumLength];

    /// <exception cref="NetbootException">The process may not listen.</exception>
    public OfferListener(NetworkLink link)
    {
        this.link = link;
        try
        {
            packets = PacketSocket.ForPort(link, ReplyRoute.ClientPort);
        }
        catch (SocketException error)
        {
            throw new NetbootException($"Other DHCP servers on {link.Name} cannot be looked for: {error.Message}. Run as root, or with the capability CAP_NET_RAW.", error);
        }
    }

    public async Task<ForeignOffer> ReceiveAsync(CancellationToken cancel)
    {
        while (true)
        {
            var length = await packets.ReceiveAsync(buffer, cancel);
            if (TryRead(buffer.AsSpan(0, length), out var offer))
                return offer;
        }
    }

    public void Dispose() => packets.Dispose();

    private bool TryRead(ReadOnlySpan<byte> frame, out ForeignOffer offer)
    {
        offer = null!;
        if (!Ipv4Udp.TryRead(frame, out var source, out var port, out var payload) || port != ReplyRoute.ClientPort
            || !DhcpPacket.TryParse(payload, out var packet, out _) || !packet.IsReply || packet.Message != DhcpMessage.Offer)
            return false;
        var server = packet.ServerIdentifier.IsNone ? source : packet.ServerIdentifier;
        offer = new ForeignOffer(server, packet.Mac, packet.YourAddress, BootFileOf(packet));
        return server != link.Address;
    }

    private static string? BootFileOf(DhcpPacket packet)
    {
        var name = packet[DhcpOption.BootFile] is { IsEmpty: false } option ? option : packet.File.Span;
        var text = Encoding.ASCII.GetString(name).TrimEnd('\0');
        return text.Length > 0 && text.All(letter => letter is > ' ' and < '\x7f') ? text : null;
    }
}
