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

    // The two ports are two loops.
    private readonly Buffers atServerPort = new();
    private readonly Buffers atBootServerPort = new();

    /// <summary>Port 67.</summary>
    public async Task AnswerNextAsync(DhcpSockets sockets, CancellationToken cancel)
    {
        var length = await sockets.ReceiveAsync(atServerPort.Received, cancel);
        if (Answer(atServerPort, length, out var route) is { IsEmpty: false } packet)
            sockets.Send(route, packet);
    }

    /// <summary>Port 4011 of a proxy. The answer goes where the question came from: edk2 asks from port 4011, iPXE from 68.</summary>
    public async Task AnswerNextAsync(Socket bootServer, CancellationToken cancel)
    {
        var from = await bootServer.ReceiveFromAsync(atBootServerPort.Received, new IPEndPoint(IPAddress.Any, 0), cancel);
        if (Answer(atBootServerPort, from.ReceivedBytes, out _) is { IsEmpty: false } packet)
            bootServer.SendTo(packet, from.RemoteEndPoint);
    }

    /// <returns>The reply, in the same buffers; empty when there is none.</returns>
    private ReadOnlySpan<byte> Answer(Buffers buffers, int length, out ReplyRoute route)
    {
        route = default;
        if (!DhcpPacket.TryParse(buffers.Received.AsSpan(0, length), out var request, out var rejection))
        {
            log.PacketRejected(length, link.Name, rejection);
            return [];
        }
        if (request.IsReply)
            return [];

        var client = PxeClient.Read(request);
        var boot = ChooseBoot(request, client);
        string? silence = null;
        var answer = addresses is not null ? addresses.Answer(request, boot, out silence)
            : buffers == atBootServerPort ? ProxyServer.AnswerBootServerRequest(request, boot)
            : ProxyServer.AnswerBroadcast(request, boot);
        Tell(request, client, answer);

        if (answer is null)
        {
            if (silence is not null)
                log.NotAnswered(request.Message, request.Mac, client.Kind, silence);
            return [];
        }
        log.Answered(request.Message, request.Mac, client.Kind, client.Architecture, answer.Message, answer.YourAddress, answer.Reason ?? answer.Boot?.File ?? "nothing to boot");
        route = ReplyRoute.For(request, answer);
        var limit = DhcpReply.LimitFor(request, link);
        return buffers.Reply.AsSpan(0, answer.Write(request, link, buffers.Reply.AsSpan(0, limit)));
    }

    private BootAnswer? ChooseBoot(DhcpPacket request, PxeClient client)
    {
        if (client.Kind is ClientKind.System or ClientKind.Ramdisk || request.Message is not (DhcpMessage.Discover or DhcpMessage.Request or DhcpMessage.Inform))
            return null;
        var machine = new Machine(request.Mac, client.Uuid, client.Architecture, request.RelayAddress.IsNone ? null : request.RelayAddress.ToIPAddress());
        var choice = policy.Choose(machine);
        if (choice == BootChoice.Ignore)
        {
            log.MachineIgnored(request.Message, request.Mac, client.Kind);
            return null;
        }
        if (BootAnswer.For(client, machine, urls) is not { } answer)
        {
            log.NoLoader(request.Mac, client.Architecture);
            return null;
        }
        if (client.LacksHttp && request.Message == DhcpMessage.Discover && !recent.MayChain(request.Mac))
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
        policy.Seen(new Sighting(
            request.Mac,
            address.IsNone ? null : address.ToIPAddress(),
            client.Kind,
            name.IsEmpty || name.ContainsAnyExcept(HostNameBytes) ? null : Encoding.ASCII.GetString(name)));
    }

    private sealed class Buffers
    {
        /// <summary>One byte longer than anything legal, so that what was cut is seen to be too long.</summary>
        public byte[] Received { get; } = new byte[DhcpPacket.MaximumLength + 1];

        public byte[] Reply { get; } = new byte[DhcpPacket.MaximumLength];
    }
}
