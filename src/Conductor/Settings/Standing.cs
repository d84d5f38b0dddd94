using Baremetal.Conductor.Images;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Settings;

/// <summary>What is in force and what is off, and why: a conductor that was only installed answers, looks healthy, and boots nobody.</summary>
internal static class Standing
{
    /// <summary>A label and its words each; aligned.</summary>
    public static IEnumerable<string> Lines(ConductorSettings settings, string file, DateTimeOffset now)
    {
        (string Label, string Words)[] lines =
        [
            ("settings", Sources(Path.GetFullPath(file))),
            ("state", settings.StateDirectory + (File.Exists(Path.Combine(settings.StateDirectory, "conductor.db")) ? "" : " (nothing is in it yet)")),
            ("ports", $"{settings.PlainPort} (plain) and {settings.TlsPort} (TLS) on {settings.Listen}"),
            ("dhcp", Dhcp(settings.Dhcp)),
            ("discover", Discovery(settings.Discovery) + (settings is { Discovery.Mode: DiscoveryMode.On, Dhcp.Silence: { } silence } ? $"; but {silence}, and sees only machines that another DHCP server sends here" : "")),
            ("ramdisk", settings.MissingBootFiles().Select(Path.GetFileName).ToList() is { Count: > 0 } missing ? $"none: {settings.RamdiskDirectory} has no {string.Join(", ", missing)}; no agent can be booted" : settings.RamdiskDirectory),
            ("trust", TrustCheck.Words(settings, now)),
        ];
        return lines.Select(line => $"{line.Label + ":",-10}{line.Words}");
    }

    private static string Sources(string file) => SettingsFile.Files(file).ToList() is { Count: > 0 } files ? string.Join(", ", files) : $"none found at {file}; the defaults hold where nothing else is given";

    private static string Dhcp(DhcpSettings dhcp) => dhcp.Mode switch
    {
        DhcpMode.Off => "off: no machine is netbooted; set dhcp.mode",
        DhcpMode.Server => $"server on {dhcp.Interface}, {dhcp.Pool?.First} to {dhcp.Pool?.Last}",
        _ => $"{dhcp.Mode.ToString().ToLowerInvariant()} on {dhcp.Interface}",
    };

    private static string Discovery(DiscoverySettings discovery) => discovery switch
    {
        { Mode: DiscoveryMode.Off } => "off: a machine that nobody enrolled boots as it would without us",
        { Rules.Length: 0 } => $"on: at most {discovery.Most} are pending until they are approved by hand",
        var rules => $"on: at most {rules.Most} are pending until they are approved, by {rules.Rules.Length} rule(s) or by hand",
    };
}
