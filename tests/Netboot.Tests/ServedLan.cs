using System.Net;
using System.Net.Sockets;
using Baremetal.Lab;

namespace Baremetal.Netboot.Tests;

/// <summary>A network of the lab with our server on it, each program a process in a namespace of its own.</summary>
internal sealed class ServedLan : IAsyncDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly string folder = Directory.CreateTempSubdirectory("netboot-").FullName;

    private ServedLan(Lan lan) => Lan = lan;

    public Lan Lan { get; }

    public static async Task<ServedLan> CreateAsync() => new(await Lan.CreateAsync(TestContext.Current.CancellationToken));

    public Task<LanHost> AddHostAsync(string name, string address) => Lan.AddHostAsync(name, IPAddress.Parse(address), TestContext.Current.CancellationToken);

    /// <summary>Starts our server without waiting for it.</summary>
    /// <param name="probeSeconds">How long it looks for others. One that must be found is found at once, or when a busy machine comes to it.</param>
    public LabProcess Launch(DhcpMode mode, BootChoice choice = BootChoice.Agent, LanHost? host = null, string name = "netboot", string probeSeconds = "1.5") => (host ?? Lan.Conductor).Start(
        name,
        [Path.Combine(AppContext.BaseDirectory, "Baremetal.Netboot.Tests"), "serve", $"{mode}", host is null ? "br0" : "eth0", $"{choice}", Path.Combine(folder, $"{name}.leases"), probeSeconds]);

    /// <summary>Starts it and waits until it serves.</summary>
    public async Task<LabProcess> ServeAsync(DhcpMode mode, BootChoice choice = BootChoice.Agent, LanHost? host = null, string name = "netboot")
    {
        var process = Launch(mode, choice, host, name);
        await SaidAsync(process, ServeCommand.Ready);
        return process;
    }

    /// <summary>A plain DHCP server of the world: gives addresses, knows nothing of us.</summary>
    public static async Task<LabProcess> DnsmasqAsync(LanHost host)
    {
        var process = host.Start("dnsmasq",
        [
            "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0", "--interface=eth0", "--bind-interfaces", "--no-ping", "--log-dhcp",
            "--dhcp-leasefile=/dev/null", "--dhcp-range=10.77.0.210,10.77.0.220",
        ]);
        await SaidAsync(process, "DHCP, IP range");
        return process;
    }

    /// <summary>Waits until a program has said a line with this text, and returns the line.</summary>
    public static Task<string> SaidAsync(LabProcess process, string text) =>
        process.Output.WaitForLineAsync(text, Bound, cancellationToken: TestContext.Current.CancellationToken);

    /// <summary>busybox's DHCP client, once. Says the lease that it got.</summary>
    public async Task<string> UdhcpcAsync(LanHost host, params string[] arguments)
    {
        var script = Path.Combine(folder, "udhcpc.sh");
        await File.WriteAllTextAsync(script, "#!/bin/sh\n[ \"$1\" = bound ] && echo \"BOUND $ip mask $mask router ${router:-none} server $serverid boot ${boot_file:-none}\"; exit 0\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var client = host.Start("udhcpc", ["busybox", "udhcpc", "-f", "-n", "-q", "-t", "10", "-T", "1", "-A", "1", "-i", "eth0", "-s", script, .. arguments]);
        return await SaidAsync(client, "BOUND");
    }

    /// <summary>A socket on a host that can play firmware: it broadcasts, and hears what is broadcast.</summary>
    public static Socket Firmware(LanHost host, int port)
    {
        var socket = host.CreateSocket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.EnableBroadcast = true;
        socket.SetRawSocketOption(1, 25, "eth0\0"u8); // SO_BINDTODEVICE: there is no route for a broadcast
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        return socket;
    }

    public static async Task<SocketReceiveFromResult> NextAsync(Socket socket, byte[] buffer, string what)
    {
        try
        {
            return await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Bound, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"Waited {Bound.TotalSeconds} s for {what}.", late);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Lan.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
