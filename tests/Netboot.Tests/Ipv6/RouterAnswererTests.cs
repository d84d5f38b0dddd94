using System.Net;
using System.Net.Sockets;
using Baremetal.Lab;

namespace Baremetal.Netboot.Tests.Ipv6;

/// <summary>iPXE's question on a real link: who gets an answer, and who does not.</summary>
public sealed class RouterAnswererTests
{
    private static readonly IPAddress AllRouters = IPAddress.Parse("ff02::2");
    private static readonly IPAddress AllNodes = IPAddress.Parse("ff02::1");
    private static readonly byte[] Booting = [0x52, 0x54, 0, 0x77, 0, 0]; // the machine of the captures
    private static readonly byte[] NotBooting = [0x52, 0x54, 0, 0x77, 0, 0x99];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Solicitation_OfABootingMachine_IsAnsweredWithNothingInIt()
    {
        await using var lan = await ServedLan.CreateAsync();
        var client = await lan.AddHostAsync("client", "10.77.0.50");
        var server = await lan.ServeAsync(DhcpMode.Server);
        await BootAsync(client);
        using var socket = Icmp(client);

        var advertisement = await AskAsync(socket, NotBooting, Booting);

        Assert.Equal(134, advertisement[0]);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], advertisement[4..16]); // no hop limit, flags, lifetime, timers
        Assert.Equal([1, 1], advertisement[16..18]); // our own link-layer address, and no other option
        Assert.Equal(24, advertisement.Length);
        await ServedLan.SaidAsync(server, "Router advertisement sent to 52:54:00:77:00:00");
        Assert.DoesNotContain(server.Output.Tail(100), line => line.Contains("sent to 52:54:00:77:00:99", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Solicitation_BeforeTheFirstDiscover_IsAnsweredWhenItComes()
    {
        await using var lan = await ServedLan.CreateAsync();
        var client = await lan.AddHostAsync("client", "10.77.0.50");
        var server = await lan.ServeAsync(DhcpMode.Server);
        using var socket = Icmp(client);
        await BootAsync(client);
        await AskAsync(socket, Booting); // the first silence is over
        await Solicit(socket, NotBooting);

        await BootAsync(client, NotBooting);

        await ServedLan.SaidAsync(server, "Router advertisement sent to 52:54:00:77:00:99");
    }

    [Fact]
    public async Task Solicitation_WhereARouterIs_IsLeftToIt()
    {
        await using var lan = await ServedLan.CreateAsync();
        var client = await lan.AddHostAsync("client", "10.77.0.50");
        var server = await lan.ServeAsync(DhcpMode.Server);
        using var socket = Icmp(client);
        await BootAsync(client);
        await AskAsync(socket, Booting);
        using var router = Icmp(await lan.AddHostAsync("router", "10.77.0.9"));
        await SendAsync(router, [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0], AllNodes);
        await ServedLan.SaidAsync(server, "advertises itself as a router on br0; we leave IPv6 to it");
        var before = Sent();

        for (var i = 0; i < 3; i++)
        {
            await Solicit(socket, Booting);
            await BootAsync(client);
        }

        Assert.Equal(before, Sent());

        int Sent() => server.Output.Tail(500).Count(line => line.Contains("Router advertisement sent", StringComparison.Ordinal));
    }

    private static Socket Icmp(LanHost host)
    {
        var socket = host.CreateSocket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.IcmpV6);
        socket.SetRawSocketOption(1, 25, "eth0\0"u8); // SO_BINDTODEVICE
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastTimeToLive, 255);
        socket.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastLoopback, false);
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
        return socket;
    }

    /// <summary>The machine asks for something to boot, and is offered it.</summary>
    private static async Task BootAsync(LanHost host, byte[]? mac = null)
    {
        using var firmware = ServedLan.Firmware(host, 68);
        var discover = Captured.Discover("uefi", ipxe: false).ToArray();
        (mac ?? Booting).CopyTo(discover, 28);
        await firmware.SendToAsync(discover, new IPEndPoint(IPAddress.Broadcast, 67), Cancel);
        await ServedLan.NextAsync(firmware, new byte[2048], "the offer");
    }

    private static Task Solicit(Socket socket, byte[] mac) => SendAsync(socket, [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, .. mac], AllRouters);

    /// <summary>A host that has just joined has no link-local address yet.</summary>
    private static async Task SendAsync(Socket socket, byte[] message, IPAddress to)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bounded.CancelAfter(ServedLan.Bound);
        using var again = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        do
        {
            try
            {
                await socket.SendToAsync(message, new IPEndPoint(to, 0), bounded.Token);
                return;
            }
            catch (SocketException notYet) when (notYet.SocketErrorCode is SocketError.NetworkUnreachable or SocketError.AddressNotAvailable)
            {
                // tried again
            }
        }
        while (await again.WaitForNextTickAsync(bounded.Token));
    }

    /// <summary>Asks again and again, as each of these machines, until an advertisement comes.</summary>
    private static async Task<byte[]> AskAsync(Socket socket, params byte[][] macs)
    {
        var buffer = new byte[1500];
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bounded.CancelAfter(ServedLan.Bound);
        using var again = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (await again.WaitForNextTickAsync(bounded.Token))
        {
            foreach (var mac in macs)
                await Solicit(socket, mac);
            while (socket.Available > 0)
            {
                var length = await socket.ReceiveAsync(buffer, bounded.Token);
                if (buffer[0] == 134)
                    return buffer[..length];
            }
        }
        throw new TimeoutException($"No router advertisement came within {ServedLan.Bound.TotalSeconds} s.");
    }
}
