using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Dhcp;

/// <summary>Port 67, and the ways out of it.</summary>
internal sealed class DhcpSockets : IDisposable
{
    private readonly NetworkLink link;
    private readonly ILogger log;
    private readonly Socket udp;
    private readonly PacketSocket packets;
    private readonly byte[] frame = new byte[Ipv4Udp.HeaderLength + DhcpPacket.MaximumLength];

    /// <exception cref="NetbootException">The port is taken or forbidden.</exception>
    public DhcpSockets(NetworkLink link, ILogger log)
    {
        (this.link, this.log) = (link, log);
        udp = link.Listen(IPAddress.Any, ReplyRoute.ServerPort); // a socket bound to one address hears no broadcast
        try
        {
            packets = PacketSocket.ForSending(link);
        }
        catch (SocketException error)
        {
            udp.Dispose();
            throw new NetbootException($"Packets to machines that have no address yet cannot be sent on {link.Name}: {error.Message}. Run as root, or with the capability CAP_NET_RAW.", error);
        }
    }

    /// <returns>The datagram's length.</returns>
    public async ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancel) => await udp.ReceiveAsync(buffer, cancel);

    public void Send(ReplyRoute route, ReadOnlySpan<byte> packet)
    {
        if (route.Kind == ReplyRouteKind.Hardware)
        {
            var whole = frame.AsSpan(0, Ipv4Udp.HeaderLength + packet.Length);
            packet.CopyTo(whole[Ipv4Udp.HeaderLength..]);
            Ipv4Udp.WriteHeaders(whole, link.Address, ReplyRoute.ServerPort, route.Address, route.Port);
            try
            {
                packets.Send(MacAddress.From(packet[28..]), whole);
                return;
            }
            catch (SocketException error)
            {
                // RFC 2131 §4.1 allows it; some clients refuse it, so it is no more than second best.
                log.HardwareUnicastFailed(link.Name, error.Message);
                route = route with { Address = Ipv4.Broadcast };
            }
        }
        try
        {
            udp.SendTo(packet, SocketFlags.None, new IPEndPoint(route.Address.ToIPAddress(), route.Port));
        }
        catch (SocketException error)
        {
            // Relay and client address are what the packet says, and there may be no way to them.
            log.ReplyNotSent(route.Address, error.Message);
        }
    }

    public void Dispose()
    {
        udp.Dispose();
        packets.Dispose();
    }
}
