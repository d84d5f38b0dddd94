using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Baremetal.Netboot;
using Baremetal.Netboot.Boot;
using Baremetal.Trust;

namespace Baremetal.Conductor.Settings;

/// <summary>Reads the settings from all their sources, and finds every fault at once.</summary>
public static class SettingsFile
{
    public const string DefaultPath = "/etc/baremetal/conductor.json";

    // The command line's own variables share our prefix.
    private static readonly string[] NotSettings = ["Server", "Token", "Ca"];

    public static (ConductorSettings Settings, IReadOnlyList<Rejection> Faults) Read(string path, IEnumerable<KeyValuePair<string, string?>> overrides)
    {
        var faults = new List<Rejection>();
        path = Path.GetFullPath(path);
        if (path != DefaultPath && !File.Exists(path))
            faults.Add(new Rejection($"The settings file {path} does not exist.", "Give the path of one that does, or leave out --config."));
        var sources = new SettingSources(Files(path), overrides, faults);
        // With a part of the settings unread, what the others would be is a guess.
        if (faults.Count > 0)
            return (new ConductorSettings(), faults);

        var read = new SettingReader(sources, faults);
        var unset = new ConductorSettings();
        var settings = new ConductorSettings
        {
            StateDirectory = read.Text("stateDirectory", unset.StateDirectory),
            Listen = read.Address("listen", unset.Listen)!,
            PlainPort = read.Number("plainPort", unset.PlainPort, 0, 65535),
            TlsPort = read.Number("tlsPort", unset.TlsPort, 0, 65535),
            Addresses = read.Addresses("addresses"),
            RamdiskDirectory = read.Directory("ramdiskDirectory", unset.RamdiskDirectory),
            LoadersDirectory = read.Directory("loadersDirectory", unset.LoadersDirectory),
            TrustDirectory = read.Directory("trustDirectory", unset.TrustDirectory),
            RunnerPackage = read.Text("runnerPackage", unset.RunnerPackage),
            KernelArguments = read.Text("kernelArguments", unset.KernelArguments),
            Dhcp = new DhcpSettings
            {
                Mode = read.Word("dhcp:mode", unset.Dhcp.Mode),
                Interface = read.Text("dhcp:interface", null),
                Pool = read.Range("dhcp:pool"),
                LeaseTime = read.Span("dhcp:leaseTime", unset.Dhcp.LeaseTime),
                Router = read.Ipv4Address("dhcp:router"),
                DnsServers = read.Ipv4Addresses("dhcp:dnsServers"),
            },
            Discovery = new DiscoverySettings
            {
                Mode = read.Word("discovery:mode", unset.Discovery.Mode),
                Most = read.Number("discovery:most", unset.Discovery.Most, 1, 100_000),
                Rules = [.. read.Items("discovery:rules").Select(rule => ReadRule(read, rule))],
            },
            Limits = new LimitSettings
            {
                HeartbeatLost = read.Span("limits:heartbeatLost", unset.Limits.HeartbeatLost),
                Power = read.Span("limits:power", unset.Limits.Power),
                AgentBoot = read.Span("limits:agentBoot", unset.Limits.AgentBoot),
                Inventory = read.Span("limits:inventory", unset.Limits.Inventory),
                Stalled = read.Span("limits:stalled", unset.Limits.Stalled),
                SelfErase = read.Span("limits:selfErase", unset.Limits.SelfErase),
                ShortStep = read.Span("limits:shortStep", unset.Limits.ShortStep),
                SystemBoot = read.Span("limits:systemBoot", unset.Limits.SystemBoot),
                RunnerSetup = read.Span("limits:runnerSetup", unset.Limits.RunnerSetup),
                ByHand = read.Span("limits:byHand", unset.Limits.ByHand),
                Attempts = read.Number("limits:attempts", unset.Limits.Attempts, 1, 100),
                Orders = read.Number("limits:orders", unset.Limits.Orders, 1, 1000),
            },
        };
        read.RejectUnknown(NotSettings);
        settings = WithAddresses(settings);
        faults.AddRange(Faults(settings));
        return (settings, faults);
    }

    /// <summary>The files that are read, in their order: those of them that exist.</summary>
    public static IEnumerable<string> Files(string path) =>
    [
        .. File.Exists(path) ? [path] : Array.Empty<string>(),
        .. Directory.Exists(path + ".d") ? Directory.GetFiles(path + ".d", "*.json").Order(StringComparer.Ordinal).ToArray() : [],
    ];

    private static DiscoveryRule ReadRule(SettingReader read, string rule) => new(
        read.Text($"{rule}:name", ""), read.Text($"{rule}:mac", null), read.Text($"{rule}:serial", null), read.Text($"{rule}:vendor", null), read.Text($"{rule}:product", null),
        read.Address($"{rule}:relay", null), read.Text($"{rule}:circuit", null), read.Text($"{rule}:remote", null));

    // The interface is known here already, so that all that follows has one list to go by.
    private static ConductorSettings WithAddresses(ConductorSettings settings)
    {
        if (settings.Addresses.Length > 0)
            return settings;
        if (settings.Listen is not { AddressFamily: AddressFamily.InterNetwork } || !settings.Listen.Equals(IPAddress.Any))
            return settings with { Addresses = [settings.Listen] };
        var found = NetworkInterface.GetAllNetworkInterfaces()
            .Where(one => settings.Dhcp.Interface is null ? one.NetworkInterfaceType != NetworkInterfaceType.Loopback : one.Name == settings.Dhcp.Interface)
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Select(one => one.Address)
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork);
        return settings with { Addresses = [.. found] };
    }

    private static IEnumerable<Rejection> Faults(ConductorSettings settings)
    {
        if (settings.PlainPort != 0 && settings.PlainPort == settings.TlsPort)
            yield return new Rejection($"plainPort and tlsPort are both {settings.TlsPort}.", "Give each its own.");
        if (!Path.IsPathFullyQualified(settings.StateDirectory))
            yield return new Rejection($"stateDirectory '{settings.StateDirectory}' is relative.", "Give the whole path, so that every start finds the same state.");
        if (BootScript.RefuseArguments(settings.KernelArguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)) is { } refusal)
            yield return new Rejection($"kernelArguments cannot be given as they are: {refusal}.", "Only plain words and name=value pairs can be given.");
        foreach (var fault in DiscoveryRuleFaults.Of(settings.Discovery.Rules))
            yield return fault;
        if (settings.Dhcp.Mode != DhcpMode.Off)
        {
            foreach (var fault in NetbootFaults(settings))
                yield return fault;
        }
    }

    private static IEnumerable<Rejection> NetbootFaults(ConductorSettings settings)
    {
        var mode = settings.Dhcp.Mode.ToString().ToLowerInvariant();
        var interfaces = NetworkInterface.GetAllNetworkInterfaces().Select(one => one.Name).ToList();
        if (settings.Dhcp.Interface is not { } name)
            yield return new Rejection($"dhcp.mode is {mode}, but dhcp.interface is not set.", $"Name the interface that the servers boot from; this machine has {string.Join(", ", interfaces)}.");
        else if (!interfaces.Contains(name))
            yield return new Rejection($"dhcp.interface '{name}' does not exist on this machine.", $"It has {string.Join(", ", interfaces)}.");
        else if (settings.Addresses.Length == 0)
            yield return new Rejection($"Interface '{name}' has no IPv4 address and addresses is not set; nodes could not reach the conductor.", "Give the interface an address, or set addresses.");
        if (settings.Dhcp is { Mode: DhcpMode.Server, Pool: null })
            yield return new Rejection("dhcp.mode is server, but dhcp.pool is not set.", "Give its first and last address, such as 10.0.0.100-10.0.0.200; where another server gives the addresses, set dhcp.mode=proxy.");

        if (settings.Dhcp.Pool is { } pool && PoolFault(pool) is { } poolFault)
        {
            yield return poolFault;
            // Said above, by the setting's name; the rest is checked as if it were right.
            settings = settings with { Dhcp = settings.Dhcp with { Pool = new AddressRange(pool.First, pool.First) } };
        }

        // Before the first start there is no state directory to hold the leases yet.
        var netboot = settings.Netboot(Path.Combine(Directory.Exists(settings.StateDirectory) ? settings.StateDirectory : "/", "leases"), httpBase: null);
        // What is not set has been named above, as it is called here.
        foreach (var fault in (netboot with { Interface = settings.Dhcp.Interface ?? "lo", Dhcp = netboot.Server is null ? DhcpMode.Proxy : netboot.Dhcp }).Faults())
            yield return new Rejection(fault);
        foreach (var file in settings.MissingBootFiles())
            yield return new Rejection($"{file} does not exist.", "Build the ramdisk with ramdisk/build.sh, or point ramdiskDirectory at it.");
    }

    private static Rejection? PoolFault(AddressRange pool)
    {
        if (pool.First > pool.Last)
            return new Rejection($"dhcp.pool is {pool.First}-{pool.Last}, which is empty: its last address comes before its first.", $"Write the lower one first: {pool.Last}-{pool.First}.");
        return pool.Last.Value - pool.First.Value < DhcpServerOptions.MostAddresses ? null
            : new Rejection($"dhcp.pool is {pool.First}-{pool.Last}, which has more than {DhcpServerOptions.MostAddresses} addresses.", "Give the part of it that your servers need.");
    }
}
