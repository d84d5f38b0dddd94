using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Baremetal.Api;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Boot;

/// <summary>
/// The network settings of a node's ramdisk: checked when an operator gives them, and written as the one word (<c>bm.net=</c>) in which the boot
/// script carries them, such as <c>vlan:12,bond:802.3ad:MAC+MAC,address:10.0.0.5/24</c>. ramdisk/init reads it. Every value is parsed and written
/// anew: none is passed on as it came.
/// </summary>
internal static class RamdiskNetwork
{
    private const int MostMacs = 8;
    private const int MostServers = 3; // resolv.conf(5) reads no more

    // As the kernel's bonding driver names them (Documentation/networking/bonding.rst).
    private static readonly string[] BondModes = ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];

    /// <summary>The settings as they are kept; null when none is given.</summary>
    /// <exception cref="ProblemException">One cannot be.</exception>
    public static NodeNetwork? Require(NodeNetwork? asked)
    {
        if (asked is null || asked == new NodeNetwork())
            return null;
        RequireRange("VLAN", asked.Vlan, 1, 4094);
        // From the least that every IPv4 network carries to the jumbo frames of most switches.
        RequireRange("MTU", asked.Mtu, 576, 9216);
        if (asked.Address is null && (asked.Gateway ?? (object?)asked.Dns) is not null)
            throw Problems.Invalid("A gateway or name servers were given without an address.", "Give an address too; without one, DHCP brings all three.");
        return asked with
        {
            Bond = asked.Bond is { } bond ? Require(bond) : null,
            Address = asked.Address is { } address ? RequireInterface(address) : null,
            Gateway = asked.Gateway is { } gateway ? RequireIpv4("gateway", gateway) : null,
            Dns = asked.Dns is { } servers ? RequireServers(servers) : null,
        };
    }

    /// <summary>The value of <c>bm.net</c>; null where there is nothing to say.</summary>
    [return: NotNullIfNotNull(nameof(network))]
    public static string? Word(NodeNetwork? network) => network is null ? null : string.Join(',', new[]
    {
        network.Vlan is { } vlan ? string.Create(CultureInfo.InvariantCulture, $"vlan:{vlan}") : null,
        network.Mtu is { } mtu ? string.Create(CultureInfo.InvariantCulture, $"mtu:{mtu}") : null,
        network.Bond is { } bond ? $"bond:{bond.Mode}:{string.Join('+', bond.Macs)}" : null,
        network.Address is { } address ? $"address:{address}" : null,
        network.Gateway is { } gateway ? $"gateway:{gateway}" : null,
        network.Dns is { } servers ? $"dns:{string.Join('+', servers)}" : null,
    }.OfType<string>());

    private static NodeBond Require(NodeBond bond)
    {
        if (!BondModes.Contains(bond.Mode))
            throw Problems.Invalid($"'{bond.Mode}' is no mode of a bond.", $"The modes are {string.Join(", ", BondModes)}.");
        var macs = bond.Macs.Select(text => MacAddress.TryParse(text, out var mac) && mac.IsStation ? mac.ToString()
            : throw Problems.Invalid($"'{text}' in the bond is not a MAC address.", "Write it as 52:54:00:12:34:56.")).ToArray();
        if (macs.Length is < 2 or > MostMacs || macs.Distinct().Count() != macs.Length)
            throw Problems.Invalid($"A bond of {macs.Distinct().Count()} cards was given.", $"Name 2 to {MostMacs} cards by their MAC addresses, each once.");
        return new NodeBond(bond.Mode, macs);
    }

    private static string RequireInterface(string text)
    {
        if (text.Split('/') is not [var address, var bits] || !byte.TryParse(bits, NumberStyles.None, CultureInfo.InvariantCulture, out var prefix) || prefix is < 8 or > 30)
            throw Problems.Invalid($"'{text}' is not an address with its prefix, /8 to /30.", "Write it as 10.0.0.5/24.");
        return string.Create(CultureInfo.InvariantCulture, $"{RequireIpv4("address", address)}/{prefix}");
    }

    private static string[] RequireServers(string[] servers) => servers.Length is 0 or > MostServers
        ? throw Problems.Invalid($"{servers.Length} name servers were given.", $"Give 1 to {MostServers}.")
        : [.. servers.Select(server => RequireIpv4("name server", server))];

    // Four numbers, for IPAddress takes "10.5" for 10.0.0.5.
    private static string RequireIpv4(string what, string? text) =>
        text?.Split('.').Length == 4 && IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == text && address.GetAddressBytes()[0] is > 0 and < 224 and not 127
            ? text
            : throw Problems.Invalid($"The {what} '{text}' is not the IPv4 address of a machine.", "Write it as 10.0.0.1.");

    private static void RequireRange(string what, int? value, int from, int to)
    {
        if (value < from || value > to)
            throw Problems.Invalid($"There is no {what} {value}.", $"It is {from} to {to}.");
    }
}
