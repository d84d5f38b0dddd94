using System.Net;
using System.Net.Sockets;
using Baremetal.Netboot;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>The DHCP server of a single guest: whatever it asks, it is told the address that the engine gave to its container, for ever.</summary>
internal sealed class GuestDhcp(ContainerLink link)
{
    private const int ServerPort = 67;
    private const int ClientPort = 68;

    // RFC 2131 §3.3: all ones is for ever.
    private static readonly TimeSpan _forEver = TimeSpan.FromSeconds(uint.MaxValue);

    private readonly LeaseTerms _terms = new(Ipv4.Mask(link.PrefixLength), link.Gateway, link.DnsServers, _forEver)
    {
        HostName = link.HostName,
        DomainName = link.SearchDomains.Count > 0 ? link.SearchDomains[0] : null,
        Mtu = link.Mtu,
        // RFC 3442: who heeds it does not heed the router option.
        Routes = [new(GuestNetwork.Here, 32, Ipv4.None), .. link.Gateway is { } gateway ? [new LeaseRoute(Ipv4.None, 0, gateway)] : Array.Empty<LeaseRoute>()],
    };

    /// <summary>Answers until it is told to stop.</summary>
    public async Task ServeAsync(CancellationToken stop)
    {
        using var socket = NetworkLink.Find(GuestNetwork.Bridge, GuestNetwork.Here).Listen(IPAddress.Any, ServerPort);
        var (datagram, reply) = (new byte[DhcpPacket.MaximumLength], new byte[DhcpPacket.MaximumLength]);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var length = await socket.ReceiveAsync(datagram, stop);
                if (!DhcpPacket.TryParse(datagram.AsSpan(0, length), out var request, out _) || Answer(request) is not { } answer)
                    continue;
                var here = Here(link);
                var written = answer.Write(request, here, reply.AsSpan(0, DhcpReply.LimitFor(request, here)));
                // It is alone on this side: a broadcast reaches it whatever address it has by now.
                await socket.SendToAsync(reply.AsMemory(0, written), new IPEndPoint(IPAddress.Broadcast, ClientPort), stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // The guest's interface goes and comes with its restarts; it asks again.
            }
        }
    }

    /// <summary>Null: nothing is said.</summary>
    internal DhcpReply? Answer(DhcpPacket request)
    {
        if (request.IsReply || request.Mac != link.Mac)
            return null;
        switch (request.Message)
        {
            case DhcpMessage.Discover:
                return new DhcpReply(DhcpMessage.Offer) { YourAddress = link.Address, Terms = _terms };
            case DhcpMessage.Request when !request.ServerIdentifier.IsNone && request.ServerIdentifier != GuestNetwork.Here:
                return null;
            case DhcpMessage.Request:
                // An address that it has had in another container's life (INIT-REBOOT, RENEWING).
                var wanted = request.ClientAddress.IsNone ? request.RequestedAddress : request.ClientAddress;
                return wanted == link.Address
                    ? new DhcpReply(DhcpMessage.Ack) { YourAddress = link.Address, Terms = _terms }
                    : new DhcpReply(DhcpMessage.Nak) { Reason = $"the address is {link.Address}" };
            case DhcpMessage.Inform:
                return new DhcpReply(DhcpMessage.Ack) { Terms = _terms with { Time = null } };
            default:
                return null;
        }
    }

    internal static NetworkLink Here(ContainerLink link) => new(GuestNetwork.Bridge, 0, link.Mac, GuestNetwork.Here, 32, link.Mtu);
}
