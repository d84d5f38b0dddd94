using System.Net;
using System.Text.RegularExpressions;

namespace Baremetal.Lab;

/// <summary>
/// An isolated network and all that is on it: the conductor's host with the bridge, further hosts, virtual servers. Nothing of it touches
/// the machine's own network, and all of it ends when it is disposed; what a killed process left is removed by the next lab.
/// </summary>
public sealed partial class Lan : IAsyncDisposable
{
    public const int PrefixLength = 24;

    // On purpose in no well-known range, and the one that the documentation's examples use.
    public static readonly IPAddress ConductorAddress = IPAddress.Parse("10.77.0.1");
    public static readonly IPAddress BmcAddress = IPAddress.Parse("10.77.0.2");

    /// <summary>Set to keep the folders of all labs.</summary>
    public const string KeepVariable = "BAREMETAL_LAB_KEEP";

    private readonly string namespaceName;
    private readonly List<LanHost> hosts = [];
    private readonly List<VirtualServer> servers = [];
    private LanHost? conductor;

    private Lan(string namespaceName, string folder, Accelerator accelerator)
    {
        this.namespaceName = namespaceName;
        Accelerator = accelerator;
        Folder = folder;
    }

    /// <summary>Logs, disks and sockets of this lab.</summary>
    public string Folder { get; }

    /// <summary>The folder stays after the lab. False unless <see cref="KeepVariable"/> is set.</summary>
    public bool KeepFolder { get; set; } = Environment.GetEnvironmentVariable(KeepVariable) is { Length: > 0 };

    /// <summary>How its servers run.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>The host with the bridge <c>br0</c>, where the conductor and the BMCs run.</summary>
    public LanHost Conductor => conductor!;

    public IReadOnlyList<VirtualServer> Servers => servers;

    /// <summary>Makes the network, after what dead labs left has been removed. Needs root.</summary>
    public static async Task<Lan> CreateAsync(CancellationToken cancellationToken = default)
    {
        await Leftovers.SweepAsync();
        var (name, folder) = Leftovers.NewNames();
        var lan = new Lan(name, folder, await Accelerator.ChooseAsync(cancellationToken));
        try
        {
            Directory.CreateDirectory(folder);
            await lan.BuildAsync(cancellationToken);
            return lan;
        }
        catch
        {
            await lan.DisposeAsync();
            throw;
        }
    }

    /// <summary>Another host on the LAN, with the address given; its interface is <c>eth0</c>.</summary>
    public async Task<LanHost> AddHostAsync(string name, IPAddress address, CancellationToken cancellationToken = default)
    {
        RequireName(name);
        var network = await NetworkNamespace.CreateAsync($"{namespaceName}-{name}", cancellationToken);
        var host = new LanHost(network, address, Folder);
        hosts.Add(host);
        Quieten(host);
        await host.IpAsync("link set lo up", cancellationToken);
        await PlugInAsync(host, cancellationToken);
        return host;
    }

    /// <summary>Removes a host's interface, as a network service does that makes a bridge anew.</summary>
    public Task UnplugAsync(LanHost host, CancellationToken cancellationToken = default) => Conductor.IpAsync($"link del veth{hosts.IndexOf(host)}", cancellationToken);

    /// <summary>Makes a host's interface, with its address.</summary>
    public async Task PlugInAsync(LanHost host, CancellationToken cancellationToken = default)
    {
        var veth = $"veth{hosts.IndexOf(host)}";
        await Conductor.IpAsync($"""
            link add {veth} type veth peer name eth0 netns {host.Namespace}
            link set {veth} master br0 up
            """, cancellationToken);
        await host.IpAsync($"""
            addr add {host.Address}/{PrefixLength} broadcast + dev eth0
            link set eth0 up
            """, cancellationToken);
    }

    /// <summary>A second network on the same wires, in which nobody hands out addresses; the conductor's host is its router.</summary>
    public Task AddNetworkAsync(IPAddress router, CancellationToken cancellationToken = default) =>
        Conductor.IpAsync($"addr add {router}/{PrefixLength} broadcast + dev br0", cancellationToken);

    /// <summary>A virtual server on the LAN, switched off, its disks empty.</summary>
    public async Task<VirtualServer> AddServerAsync(VirtualServerSpec spec, CancellationToken cancellationToken = default)
    {
        RequireName(spec.Name);
        if (servers.Find(other => other.Spec.Name == spec.Name || other.Spec.Mac == spec.Mac || other.Spec.Uuid == spec.Uuid) is { } same)
            throw new InvalidOperationException($"{spec.Name} has the name, the MAC address or the UUID of {same.Spec.Name}, which is on this LAN already. Give it its own.");
        var tap = $"tap{servers.Count}";
        await Conductor.IpAsync($"""
            tuntap add {tap} mode tap
            link set {tap} master br0 up
            """, cancellationToken);
        if (spec.SecondMac is not null)
        {
            await Conductor.IpAsync($"""
                tuntap add {QemuCommand.SecondTap(tap)} mode tap
                link set {QemuCommand.SecondTap(tap)} master br0 up
                """, cancellationToken);
        }
        var server = new VirtualServer(spec, Conductor, new VirtualServerFiles(Path.Combine(Folder, spec.Name)), tap, Accelerator);
        servers.Add(server);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        // All is tried, whatever fails: the first failure is reported when the rest is gone.
        List<Exception> failures = [];
        if (KeepFolder)
            await Task.WhenAll(servers.Select(server => server.NoteProcessorsAsync()));
        foreach (var part in ((IEnumerable<IAsyncDisposable>)servers).Concat(Enumerable.Reverse(hosts)))
        {
            try
            {
                await part.DisposeAsync();
            }
            catch (Exception error) when (error is InvalidOperationException or TimeoutException or IOException)
            {
                failures.Add(error);
            }
        }
        if (KeepFolder)
            Leftovers.Keep(Folder);
        else
            Leftovers.RemoveFolder(Folder);
        if (failures.Count > 0)
            throw new InvalidOperationException($"The lab {namespaceName} could not be removed whole. `lab sweep` removes the rest once this process has ended.", failures[0]);
    }

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,31}$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();

    private static void RequireName(string name)
    {
        if (!Name().IsMatch(name))
            throw new ArgumentException($"'{name}' is no name on a lab's LAN: lower-case letters, digits and hyphens, at most 32.", nameof(name));
    }

    private async Task BuildAsync(CancellationToken cancellationToken)
    {
        conductor = new LanHost(await NetworkNamespace.CreateAsync(namespaceName, cancellationToken), ConductorAddress, Folder);
        hosts.Add(conductor);
        Quieten(conductor);
        // The bridge's MAC address is set, or it would change to the lowest of its ports whenever one joins. No snooping: nobody
        // queries here, and IPv6 neighbour discovery is multicast. No spanning tree: firmware gives up while a port learns. The
        // link-local address is the one that the MAC address gives, set by hand: the kernel would wait for a port with a carrier.
        await conductor.IpAsync($"""
            link set lo up
            link add br0 address 52:54:00:77:ff:01 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
            addr add {ConductorAddress}/{PrefixLength} broadcast + dev br0
            addr add {BmcAddress}/{PrefixLength} broadcast + dev br0
            addr add fe80::5054:ff:fe77:ff01/64 dev br0 nodad
            link set br0 up
            """, cancellationToken);
    }

    /// <summary>No forwarding, whatever the machine does, and no second of waiting for duplicates of a link-local address.</summary>
    private static void Quieten(LanHost host) => host.SetKernelParameters(
        ("net.ipv4.ip_forward", "0"),
        ("net.ipv6.conf.all.forwarding", "0"),
        ("net.ipv6.conf.default.accept_dad", "0"),
        ("net.ipv6.conf.all.disable_ipv6", "0"),
        ("net.ipv6.conf.default.disable_ipv6", "0"));
}
