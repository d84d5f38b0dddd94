using System.Net;
using System.Net.Sockets;
using Baremetal.Api;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Power;

/// <summary>
/// No controller, but a network card that starts its machine when it hears a packet with its MAC (AMD, "Magic Packet Technology", 1995). Nothing
/// answers it, so nothing is known of what came of it; and nothing but a start can be asked.
/// </summary>
/// <param name="addresses">Of the conductor, where nodes reach it: the packet is broadcast on the networks that these are in.</param>
/// <param name="silence">As for <see cref="ManualDriver"/>.</param>
internal sealed class WakeOnLanDriver(string node, MacAddress mac, IPAddress[] addresses, string? silence = null) : IPowerDriver
{
    /// <summary>Discard: the port is for filters on the way; the card looks for the pattern alone.</summary>
    public const int Port = 9;

    public Task<PowerState> GetStateAsync(CancellationToken cancel) => Task.FromResult(PowerState.Unknown);

    public Task SetAsync(PowerTarget target, CancellationToken cancel) =>
        target == PowerTarget.On
            ? WakeAsync(cancel)
            : throw new PowerException($"Node {node} can only be woken (driver wake-on-lan).", $"Switch it {target.ToString().ToLowerInvariant()} by hand.", again: false);

    public async Task<NetworkBoot> BootFromNetworkAsync(NetworkStart start, CancellationToken cancel)
    {
        await WakeAsync(cancel);
        return new NetworkBoot(
            OffAt: null,
            $"node {node} to start from the network: it was sent a packet that wakes a machine that is off. If it does not come, switch it off and on by hand, with network boot first in its firmware's order{(silence is null ? "" : $"; {silence}")}");
    }

    private async Task WakeAsync(CancellationToken cancel)
    {
        var ways = Ways();
        if (ways.Count == 0)
        {
            throw new PowerException(
                $"Node {node} cannot be woken: no network interface of this machine has one of the conductor's addresses ({string.Join(", ", addresses.AsEnumerable())}) with a network to broadcast on.",
                "Set addresses to those of the interfaces that your nodes boot from, or bring the interface up.",
                again: true);
        }
        var packet = Packet();
        SocketException? failure = null;
        foreach (var (from, broadcast) in ways)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { EnableBroadcast = true };
                socket.Bind(new IPEndPoint(from, 0));
                await socket.SendToAsync(packet, new IPEndPoint(broadcast, Port), cancel);
            }
            catch (SocketException e)
            {
                failure = e;
            }
        }
        // The node may be on any of them: each has to have had it.
        if (failure is not null)
            throw new PowerException($"Node {node} may not have been woken: {failure.Message}.", "Look at the network interfaces of the conductor's machine.", again: true, failure);
    }

    /// <summary>Looked up each time: interfaces come and go.</summary>
    private List<(IPAddress From, IPAddress Broadcast)> Ways() =>
        System.Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Where(one => one.Address.AddressFamily == AddressFamily.InterNetwork && one.PrefixLength < 31 && addresses.Contains(one.Address))
            .Select(one => (one.Address, new Ipv4(Ipv4.From(one.Address).Value | ~Ipv4.Mask(one.PrefixLength).Value).ToIPAddress()))
            .ToList();

    private byte[] Packet()
    {
        var packet = new byte[MacAddress.Length * 17];
        packet.AsSpan(0, MacAddress.Length).Fill(0xff);
        for (var at = MacAddress.Length; at < packet.Length; at += MacAddress.Length)
            mac.CopyTo(packet.AsSpan(at));
        return packet;
    }
}
