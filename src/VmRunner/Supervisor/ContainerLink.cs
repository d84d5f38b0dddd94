using System.Net;
using System.Text.Json;
using Baremetal.Netboot;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>The container's network as the engine made it, and as the guest shall find it.</summary>
/// <param name="Name">Of the interface: <c>eth0</c>.</param>
/// <param name="Mac">The container's, which the guest gets.</param>
/// <param name="Address">The same.</param>
/// <param name="PrefixLength">Of its network.</param>
/// <param name="Gateway">Null where there is none.</param>
/// <param name="DnsServers">Those that the engine wrote into resolv.conf.</param>
/// <param name="SearchDomains">The same.</param>
/// <param name="HostName">The container's.</param>
/// <param name="Mtu">In bytes.</param>
internal sealed record ContainerLink(
    string Name, MacAddress Mac, Ipv4 Address, int PrefixLength, Ipv4? Gateway, IReadOnlyList<Ipv4> DnsServers, IReadOnlyList<string> SearchDomains, string HostName, int Mtu)
{
    private const string Interface = "eth0";

    /// <param name="prefix">How the address begins that the guest shall have, of several; empty for the first.</param>
    public static ContainerLink Read(string prefix)
    {
        using var links = JsonDocument.Parse(Tools.Run("ip", ["-json", "address", "show"]));
        var link = links.RootElement.EnumerateArray().FirstOrDefault(one => one.GetProperty("ifname").GetString() == Interface);
        if (link.ValueKind == JsonValueKind.Undefined)
            throw Failed($"The container has no {Interface} to give to the guest; run it on a network, without --network none or host.");
        var addresses = link.GetProperty("addr_info").EnumerateArray().Where(one => one.GetProperty("family").GetString() == "inet").ToArray();
        var all = string.Join(", ", addresses.Select(AddressOf));
        var chosen = addresses.FirstOrDefault(one => AddressOf(one).StartsWith(prefix, StringComparison.Ordinal));
        if (chosen.ValueKind == JsonValueKind.Undefined)
        {
            throw all.Length == 0
                ? Failed($"{Interface} has no IPv4 address to give to the guest.")
                : new SupervisorException(ExitCodes.NoDisk, $"No address of {Interface} begins with IP_PREFIX '{prefix}'; it has {all}.");
        }
        using var routes = JsonDocument.Parse(Tools.Run("ip", ["-json", "-4", "route", "show", "default", "dev", Interface]));
        var gateways = routes.RootElement.EnumerateArray().Where(one => one.TryGetProperty("gateway", out _)).Select(one => Ipv4.Parse(one.GetProperty("gateway").GetString())).ToArray();
        var resolver = File.Exists("/etc/resolv.conf") ? File.ReadAllLines("/etc/resolv.conf") : [];
        return new ContainerLink(
            Interface,
            MacAddress.TryParse(link.GetProperty("address").GetString(), out var mac) ? mac : throw Failed($"{Interface} has no Ethernet address."),
            Ipv4.Parse(AddressOf(chosen)),
            chosen.GetProperty("prefixlen").GetInt32(),
            gateways.Length > 0 ? gateways[0] : null,
            [.. Words(resolver, "nameserver").Where(word => Ipv4.TryParse(word, out _)).Select(word => Ipv4.Parse(word))],
            [.. Words(resolver, "search")],
            Dns.GetHostName(),
            link.GetProperty("mtu").GetInt32());
    }

    private static string AddressOf(JsonElement address) => address.GetProperty("local").GetString()!;

    private static IEnumerable<string> Words(string[] lines, string keyword) => lines
        .Select(line => line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words.Length > 1 && words[0] == keyword)
        .SelectMany(words => words[1..]);

    private static SupervisorException Failed(string what) => new(ExitCodes.NoNetwork, what);
}
