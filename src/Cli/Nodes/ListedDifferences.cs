using Baremetal.Api;

namespace Baremetal.Cli.Nodes;

/// <summary>A word of a list that says something else of a node than the conductor knows.</summary>
internal sealed record ListedDifference(string Word, string Listed, string? Here)
{
    public override string ToString() => $"{Word} {Listed}, here {(string.IsNullOrEmpty(Here) ? "none" : Here)}";
}

/// <summary>
/// In what a known node differs from what a list says of it. What the list leaves out says nothing, and passwords cannot be compared: the conductor
/// gives none away.
/// </summary>
internal static class ListedDifferences
{
    private const string PlainMarks = "-_./:=@,+%";

    public static ListedDifference[] Of(ListedNode listed, EnrolNode ask, Node known)
    {
        var (power, network, knownNetwork) = (ask.Power, ask.Network ?? new NodeNetwork(), known.Network ?? new NodeNetwork());
        (string Word, string? Listed, string? Here)[] all =
        [
            ("boot-policy", Word<BootPolicy>.Of(ask.BootPolicy), Word<BootPolicy>.Of(known.BootPolicy)),
            ("firmware", WordOf(ask.Firmware), WordOf(known.Firmware)),
            (power.Address is null ? "power" : power.Driver, power.Address ?? power.Driver, power.Driver == known.Power.Driver ? known.Power.Address ?? power.Driver : $"{known.Power.Driver} {known.Power.Address}".TrimEnd()),
            ($"{power.Driver}-user", power.Username, known.Power.Username),
            ($"{power.Driver}-tls-pin", power.TlsPin, known.Power.TlsPin),
            ("vlan", $"{network.Vlan}", $"{knownNetwork.Vlan}"),
            ("mtu", $"{network.Mtu}", $"{knownNetwork.Mtu}"),
            ("bond", WordOf(network.Bond), WordOf(knownNetwork.Bond)),
            ("address", network.Address, knownNetwork.Address),
            ("gateway", network.Gateway, knownNetwork.Gateway),
            ("dns", string.Join(',', network.Dns ?? []), string.Join(',', knownNetwork.Dns ?? [])),
            ("kernel-args", Spaced(ask.KernelArguments), Spaced(known.KernelArguments)),
        ];
        return [.. all.Where(one => listed.Value(one.Word) is not null && one.Listed != one.Here).Select(one => new ListedDifference(one.Word, one.Listed ?? "", one.Here))];
    }

    /// <summary>The command that makes the node what the list says. Power and network are each replaced as a whole, and so are given whole.</summary>
    public static string Edit(ListedNode listed, string name, ListedDifference[] differences)
    {
        var groups = differences.Select(one => GroupOf(one.Word)).ToHashSet(StringComparer.Ordinal);
        var options = listed.Values.Where(value => value.Key is not ("name" or "mac") && groups.Contains(GroupOf(value.Key))).Select(value => $"--{value.Key} {Quoted(value.Value)}");
        return $"conductor node edit {name} {string.Join(' ', options)}";
    }

    private static string GroupOf(string word) => word switch
    {
        "vlan" or "mtu" or "bond" or "address" or "gateway" or "dns" => "network",
        ['r', 'e', 'd', 'f', 'i', 's', 'h', ..] or ['i', 'p', 'm', 'i', ..] => "power",
        _ => word,
    };

    private static string? WordOf(FirmwareMode? firmware) => firmware is { } mode ? Word<FirmwareMode>.Of(mode) : null;

    private static string? WordOf(NodeBond? bond) => bond is null ? null : $"{bond.Mode}:{string.Join(',', bond.Macs)}".ToLowerInvariant();

    // As the conductor keeps them.
    private static string? Spaced(string? arguments) => arguments is null ? null : string.Join(' ', arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    // As a shell takes it for one word.
    private static string Quoted(string value) => value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || PlainMarks.Contains(c, StringComparison.Ordinal))
        ? value
        : $"'{value.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
