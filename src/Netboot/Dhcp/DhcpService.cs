using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Baremetal.Netboot.Boot;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Dhcp;

/// <summary>
/// From a datagram to its answer: parse, ask the policy, answer as server or as proxy, send. One packet at a time: an answer takes microseconds,
/// and the leases need no lock.
/// </summary>
internal sealed class DhcpService(NetworkLink link, AddressServer? addresses, IBootPolicy policy, BootUrls urls, RecentBoots recent, ILogger log)
{
    /// <summary>RFC 1123 §2.1; a name is shown to operators, so nothing else of it is kept.</summary>
    private static readonly SearchValues<byte> HostNameBytes = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-."u8);

    // The two ports are two loops. One byte longer than anything legal, so that what was cut is seen to be too long.
    private readonly byte[] received = new byte[DhcpPacket.MaximumLength + 1];
    private readonly byte[] receivedAtBootServer = new byte[DhcpPacket.MaximumLength + 1];
    private readonly byte[] reply = new byte[DhcpPacket.MaximumLength];
    private readonly byte[] replyAtBootServer = new byte[DhcpPacket.MaximumLength];

    /// <summary>Port 67.</summary>
    public async Task AnswerNextAsync(DhcpSockets sockets, CancellationToken cancel)
    {
        var length = await sockets.ReceiveAsync(received, cancel);
        if (Answer(received.AsSpan(0, length), false, reply, out var route) is > 0 and var size)
            sockets.Send(route, reply.AsSpan(0, size));
    }

    /// <summary>Port 4011 of a proxy. The answer goes where the question came from: edk2 asks from port 4011, iPXE from 68.</summary>
    public async Task AnswerNextAsync(Socket bootServer, CancellationToken cancel)
    {
        var from = await bootServer.ReceiveFromAsync(receivedAtBootServer, new IPEndPoint(IPAddress.Any, 0), cancel);
        if (Answer(receivedAtBootServer.AsSpan(0, from.ReceivedBytes), true, replyAtBootServer, out _) is > 0 and var size && from.RemoteEndPoint is IPEndPoint { Port: not 0 })
            bootServer.SendTo(replyAtBootServer.AsSpan(0, size), from.RemoteEndPoint);
    }

    /// <summary>All but the sockets.</summary>
    /// <param name="datagram">As received.</param>
    /// <param name="atBootServer">At port 4011.</param>
    /// <param name="packet">The reply; as long as any packet.</param>
    /// <param name="route">Where it goes, unless it came to port 4011.</param>
    /// <returns>The reply's length; 0 when there is none.</returns>
    internal int Answer(ReadOnlySpan<byte> datagram, bool atBootServer, Span<byte> packet, out ReplyRoute route)
    {
        route = default;
        if (!DhcpPacket.TryParse(datagram, out var request, out var rejection))
        {
            log.PacketRejected(datagram.Length, link.Name, rejection);
            return 0;
        }
        if (request.IsReply)
            return 0;

        var client = PxeClient.Read(request);
        var boot = ChooseBoot(request, client);
        string? silence = null;
        var answer = addresses is not null ? addresses.Answer(request, boot, out silence)
            : atBootServer ? ProxyServer.AnswerBootServerRequest(request, boot)
            : ProxyServer.AnswerBroadcast(request, boot);
        Tell(request, client, answer);

        if (answer is null)
        {
            if (silence is not null)
                log.NotAnswered(request.Message, request.Mac, client, silence);
            return 0;
        }
        var what = answer.Reason ?? answer.Boot?.File ?? "nothing to boot";
        if (answer.FromProxy)
            log.AnsweredAsProxy(request.Message, request.Mac, client, answer.Message, what);
        else
            log.Answered(request.Message, request.Mac, client, answer.Message, answer.YourAddress, what);
        route = ReplyRoute.For(request, answer);
        return answer.Write(request, link, packet[..DhcpReply.LimitFor(request, link)]);
    }

    private BootAnswer? ChooseBoot(DhcpPacket request, PxeClient client)
    {
        if (client.Kind is ClientKind.System or ClientKind.Ramdisk || request.Message is not (DhcpMessage.Discover or DhcpMessage.Request or DhcpMessage.Inform))
            return null;
        var machine = new Machine(request.Mac, client.Uuid, client.Architecture, RelayOf(request));
        var choice = policy.Choose(machine);
        if (choice == BootChoice.Ignore)
        {
            log.MachineIgnored(request.Message, request.Mac, client);
            return null;
        }
        if (BootAnswer.For(client, machine, urls) is not { } answer)
        {
            log.NoLoader(request.Mac, client.Architecture);
            return null;
        }
        if (client.LacksHttp && recent.IsGoingInCircles(request.Mac, begins: request.Message == DhcpMessage.Discover))
        {
            log.ChainsForEver(request.Mac, answer.File);
            return null;
        }
        recent.Note(request.Mac);
        return answer;
    }

    private void Tell(DhcpPacket request, PxeClient client, DhcpReply? answer)
    {
        if (request.Message is DhcpMessage.Release or DhcpMessage.Decline)
            return;
        var address = answer switch
        {
            { Message: DhcpMessage.Nak } => Ipv4.None,
            { YourAddress.IsNone: false } => answer.YourAddress,
            _ when !request.ClientAddress.IsNone => request.ClientAddress,
            _ => request.RequestedAddress,
        };
        var name = request[DhcpOption.HostName];
        var port = RelayInformation.Read(request[DhcpOption.RelayAgent]);
        policy.Seen(new Sighting(
            request.Mac,
            address.IsNone ? null : address.ToIPAddress(),
            client.Kind,
            name.IsEmpty || name.ContainsAnyExcept(HostNameBytes) ? null : Encoding.ASCII.GetString(name),
            answer?.Boot?.File,
            RelayOf(request),
            port.Circuit,
            port.Remote));
    }

    private static IPAddress? RelayOf(DhcpPacket request) => request.RelayAddress.IsNone ? null : request.RelayAddress.ToIPAddress();
}
