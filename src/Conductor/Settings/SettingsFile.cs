using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Settings;

/// <summary>Reads the settings from all their sources, and finds every fault at once.</summary>
public static class SettingsFile
{
    public const string DefaultPath = "/etc/baremetal/conductor.json";

    private const string VariablePrefix = "CONDUCTOR_";

    private static readonly string[] BootFiles = ["vmlinuz", "initrd.img", "localboot.efi"];

    // The command line's own variables share our prefix.
    private static readonly string[] NotSettings = ["Server", "Token", "Ca"];

    public static (ConductorSettings Settings, IReadOnlyList<string> Faults) Read(string path, IEnumerable<KeyValuePair<string, string?>> overrides)
    {
        var faults = new List<string>();
        IConfiguration sources;
        try
        {
            sources = Sources(path, overrides);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            faults.Add($"{e.Message} {e.InnerException?.Message}".TrimEnd());
            return (new ConductorSettings(), faults);
        }

        var read = new SettingReader(sources, faults);
        var unset = new ConductorSettings();
        var settings = new ConductorSettings
        {
            StateDirectory = read.Text("stateDirectory", unset.StateDirectory),
            Listen = read.Address("listen", unset.Listen)!,
            PlainPort = read.Number("plainPort", unset.PlainPort, 0, 65535),
            TlsPort = read.Number("tlsPort", unset.TlsPort, 0, 65535),
            Addresses = read.Addresses("addresses"),
            RamdiskDirectory = read.Text("ramdiskDirectory", unset.RamdiskDirectory),
            LoadersDirectory = read.Text("loadersDirectory", unset.LoadersDirectory),
            TrustDirectory = read.Text("trustDirectory", unset.TrustDirectory),
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
            Limits = new LimitSettings
            {
                HeartbeatLost = read.Span("limits:heartbeatLost", unset.Limits.HeartbeatLost),
                Power = read.Span("limits:power", unset.Limits.Power),
                AgentBoot = read.Span("limits:agentBoot", unset.Limits.AgentBoot),
                Inventory = read.Span("limits:inventory", unset.Limits.Inventory),
                Write = read.Span("limits:write", unset.Limits.Write),
                ShortStep = read.Span("limits:shortStep", unset.Limits.ShortStep),
                SystemBoot = read.Span("limits:systemBoot", unset.Limits.SystemBoot),
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

    private static IConfiguration Sources(string path, IEnumerable<KeyValuePair<string, string?>> overrides)
    {
        var builder = new ConfigurationBuilder();
        path = Path.GetFullPath(path);
        if (File.Exists(path))
            builder.AddJsonFile(path);
        else if (path != DefaultPath)
            throw new FileNotFoundException($"The settings file {path} does not exist.");
        if (Directory.Exists(path + ".d"))
        {
            foreach (var file in Directory.GetFiles(path + ".d", "*.json").Order(StringComparer.Ordinal))
                builder.AddJsonFile(file);
        }
        return builder.AddEnvironmentVariables(VariablePrefix).AddInMemoryCollection(overrides).Build();
    }

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

    private static IEnumerable<string> Faults(ConductorSettings settings)
    {
        if (settings.PlainPort != 0 && settings.PlainPort == settings.TlsPort)
            yield return $"plainPort and tlsPort are both {settings.TlsPort}; give each its own.";
        if (!Path.IsPathFullyQualified(settings.StateDirectory))
            yield return $"stateDirectory '{settings.StateDirectory}' is relative; give the whole path, so that every start finds the same state.";
        if (settings.KernelArguments.Any(c => c is < ' ' or > '~' or '"' or '\\' or '$' or '{' or '#' or '&' or '|'))
            yield return "kernelArguments has a character that a boot script would read as its own; only plain words and name=value pairs can be given.";
        if (settings.Dhcp.Mode == DhcpMode.Off)
            yield break;

        // Before the first start there is no state directory to hold the leases yet.
        foreach (var fault in settings.Netboot(Path.Combine(Directory.Exists(settings.StateDirectory) ? settings.StateDirectory : "/", "leases"), httpBase: null).Faults())
            yield return fault;
        if (settings.Dhcp.Interface is { } name && !NetworkInterface.GetAllNetworkInterfaces().Any(one => one.Name == name))
            yield return $"dhcp.interface '{name}' does not exist on this machine; it has {string.Join(", ", NetworkInterface.GetAllNetworkInterfaces().Select(one => one.Name))}.";
        else if (settings.Addresses.Length == 0)
            yield return $"Interface '{settings.Dhcp.Interface}' has no IPv4 address and addresses is not set; nodes could not reach the conductor.";
        foreach (var file in BootFiles.Select(file => Path.Combine(settings.RamdiskDirectory, file)).Where(file => !File.Exists(file)))
            yield return $"{file} does not exist; build the ramdisk with ramdisk/build.sh, or point ramdiskDirectory at it.";
    }
}
