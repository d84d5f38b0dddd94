using System.Security.Cryptography;

namespace Baremetal.Netboot.Dhcp;

/// <summary>Whether somebody else gives out addresses on this link: asked the way every machine asks, once, before we do.</summary>
internal static class RivalProbe
{
    /// <summary>
    /// Sends DISCOVERs as this machine itself and waits for an OFFER. No REQUEST follows, so nobody's lease changes. Our own hardware address is
    /// used: switches with port security shut a port on which a second one appears.
    /// </summary>
    /// <param name="link">Where to ask.</param>
    /// <param name="wait">How long in all; every third of it a DISCOVER goes out.</param>
    /// <param name="time">The clock of the wait.</param>
    /// <param name="cancel">Ends the probe.</param>
    /// <returns>The first that offers, or null.</returns>
    public static async Task<ForeignOffer?> FindAsync(NetworkLink link, TimeSpan wait, TimeProvider time, CancellationToken cancel)
    {
        using var offers = new OfferListener(link);
        using var packets = PacketSocket.ForSending(link);
        var discover = Discover(link);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            packets.Send(MacAddress.Broadcast, discover);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            using var timer = time.CreateTimer(_ => end.Cancel(), null, wait / 3, Timeout.InfiniteTimeSpan);
            try
            {
                return await offers.ReceiveAsync(end.Token);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                // silence so far
            }
        }
        return null;
    }

    private static byte[] Discover(NetworkLink link)
    {
        var frame = new byte[Ipv4Udp.HeaderLength + 548];
        // The broadcast flag, for the offered address is not ours and the kernel would drop a unicast to it.
        var packet = new DhcpWriter(frame.AsSpan(Ipv4Udp.HeaderLength), reply: false, BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4)), flags: 0x8000, link.Mac);
        _ = packet.TryAdd(DhcpOption.MessageType, (byte)DhcpMessage.Discover);
        _ = packet.TryAdd(DhcpOption.ParameterRequestList, [(byte)DhcpOption.SubnetMask, (byte)DhcpOption.Router, (byte)DhcpOption.DomainNameServer]);
        frame = frame[..(Ipv4Udp.HeaderLength + packet.Finish())];
        Ipv4Udp.WriteHeaders(frame, Ipv4.None, ReplyRoute.ClientPort, Ipv4.Broadcast, ReplyRoute.ServerPort);
        return frame;
    }
}
