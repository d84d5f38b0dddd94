using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Baremetal.Lab;

/// <summary>A machine on the LAN that is no virtual server: a network namespace in which programs run and sockets of this process live.</summary>
public sealed class LanHost : IAsyncDisposable
{
    private readonly NetworkNamespace network;
    private readonly string folder;
    private readonly List<LabProcess> processes = [];

    internal LanHost(NetworkNamespace network, IPAddress address, string folder)
    {
        this.network = network;
        this.folder = folder;
        Address = address;
    }

    /// <summary>Its address on the LAN.</summary>
    public IPAddress Address { get; }

    /// <summary>The name of its network namespace, for <c>ip netns exec</c>.</summary>
    public string Namespace => network.Name;

    /// <summary>
    /// Starts a program on this host. Its output goes to <c>NAME.log</c> in the lab's folder (a second program of that name appends) and, line by
    /// line, to <paramref name="onLine"/>. The lab ends it at the latest when it is disposed.
    /// </summary>
    public LabProcess Start(string name, IReadOnlyList<string> command, Action<string>? onLine = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var process = Launch(name, command, Path.Combine(folder, $"{name}.log"), onLine, environment);
        lock (processes)
            processes.Add(process);
        return process;
    }

    /// <summary>A socket of this process on this host's network.</summary>
    public Socket CreateSocket(AddressFamily family, SocketType type, ProtocolType protocol) =>
        network.Inside(() => new Socket(family, type, protocol));

    /// <summary>For Kestrel's <see cref="SocketTransportOptions.CreateBoundListenSocket"/>: the server listens on this host's network.</summary>
    public Socket CreateBoundListenSocket(EndPoint endPoint) =>
        network.Inside(() => SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint));

    /// <summary>For an HttpClient whose requests leave from this host. There is no name service: URLs carry addresses.</summary>
    public SocketsHttpHandler CreateHttpHandler() => new()
    {
        UseProxy = false,
        ConnectCallback = async (context, cancellationToken) =>
        {
            var address = IPAddress.Parse(context.DnsEndPoint.Host);
            var socket = CreateSocket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var process in Enumerable.Reverse(processes))
                await process.DisposeAsync();
        }
        finally
        {
            await network.DisposeAsync();
        }
    }

    /// <summary>As <see cref="Start"/>, but the caller disposes of the process.</summary>
    internal LabProcess Launch(
        string name, IReadOnlyList<string> command, string logPath, Action<string>? onLine = null, IReadOnlyDictionary<string, string>? environment = null, bool holdInput = false) =>
        // Each becomes the next, so that the pid that we have is the program's own. In a session of its own it does not hear the
        // terminal's Ctrl-C: the lab ends what it started, in its order.
        LabProcess.Start(name, ["setsid", "ip", "netns", "exec", network.Name, .. command], logPath, onLine, environment, holdInput);

    internal Task IpAsync(string commands, CancellationToken cancellationToken) => network.IpAsync(commands, cancellationToken);

    /// <summary>Traffic control (tc(8)) on one of its interfaces.</summary>
    internal Task TrafficAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        Tool.RunAsync("ip", ["netns", "exec", network.Name, "tc", .. arguments], input: null, cancellationToken);

    /// <summary>Sets kernel parameters of this network, as sysctl(8) does.</summary>
    internal void SetKernelParameters(params ReadOnlySpan<(string Name, string Value)> parameters)
    {
        // /proc/sys/net shows the network of the thread that opens it.
        foreach (var (name, value) in parameters)
            network.Inside(() => { File.WriteAllText($"/proc/sys/{name.Replace('.', '/')}", value); return true; });
    }
}
