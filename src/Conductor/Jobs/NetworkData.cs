using System.Text.Json;
using Baremetal.Netboot;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// OpenStack's <c>network_data.json</c> (nova's doc/source/user/metadata.rst and its schema doc/api_schemas/network_data.json): links, networks on them, and services. What
/// is wrong in it shows as a server without a network, after half an hour; so what can be told from the text alone is told before.
/// </summary>
internal static class NetworkData
{
    /// <summary>Hundreds of links and networks; what is larger is something else.</summary>
    public const int MostBytes = 64 << 10;

    private static readonly string[] Lists = ["links", "networks", "services"];

    public static Rejection? FirstFault(JsonElement data)
    {
        if (data.ValueKind != JsonValueKind.Object)
            return new Rejection("The network data are no JSON object.", $"They have the members {string.Join(", ", Lists)}, as OpenStack's network_data.json has them.");
        if (System.Text.Encoding.UTF8.GetByteCount(data.GetRawText()) is var length and > MostBytes)
            return new Rejection($"The network data have {length} bytes; the most is {MostBytes}.", "Describe this server's own links and networks only.");
        foreach (var member in data.EnumerateObject())
        {
            if (!Lists.Contains(member.Name))
                return new Rejection($"The network data have a member '{member.Name}'.", $"The members are {string.Join(", ", Lists)}; another format, such as netplan's, goes into user data.");
            if (member.Value.ValueKind != JsonValueKind.Array || member.Value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Object))
                return new Rejection($"The network data's '{member.Name}' are no list of objects.");
        }
        return FaultOfLinks(Items(data, "links"), out var links) ?? FaultOfNetworks(Items(data, "networks"), links);
    }

    private static Rejection? FaultOfLinks(JsonElement[] links, out HashSet<string> ids)
    {
        ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (at, link) in links.Index())
        {
            var what = $"Link {at + 1} of the network data";
            if (Text(link, "id") is not { } id || Text(link, "type") is not { } type)
                return new Rejection($"{what} has no 'id' or no 'type'.", "Both are texts, such as \"eno1\" and \"phy\".");
            if (!ids.Add(id))
                return new Rejection($"{what} has the id '{id}', which another link has.");
            // A bond gets its address from its members, and a VLAN from its link, where none is given.
            if (type is not ("bond" or "vlan") && Text(link, "ethernet_mac_address") is null)
                return new Rejection($"{what} ('{id}') has no 'ethernet_mac_address', by which the installed system would find its card.", "'conductor node show NODE' has the MAC of each.");
            foreach (var name in new[] { "ethernet_mac_address", "vlan_mac_address" })
            {
                if (link.TryGetProperty(name, out _) && !(Text(link, name) is { } mac && MacAddress.TryParse(mac, out _)))
                    return new Rejection($"{what} ('{id}') has an '{name}' that is no MAC address.", "Write it as 52:54:00:12:34:56.");
            }
        }
        foreach (var link in links)
        {
            var parts = link.TryGetProperty("bond_links", out var bonded) && bonded.ValueKind == JsonValueKind.Array ? bonded.EnumerateArray().Select(part => part.ValueKind == JsonValueKind.String ? part.GetString() : null) : [];
            foreach (var part in parts.Concat(link.TryGetProperty("vlan_link", out _) ? [Text(link, "vlan_link")] : []))
            {
                if (part is null || !ids.Contains(part))
                    return new Rejection($"Link '{Text(link, "id")}' of the network data is made of the link '{part}', which is not among them.");
            }
        }
        return null;
    }

    private static Rejection? FaultOfNetworks(JsonElement[] networks, HashSet<string> links)
    {
        foreach (var (at, network) in networks.Index())
        {
            var what = $"Network {at + 1} of the network data";
            if (Text(network, "type") is null || Text(network, "link") is not { } link)
                return new Rejection($"{what} has no 'type' or no 'link'.", "Both are texts, such as \"ipv4_dhcp\" and the id of a link.");
            if (!links.Contains(link))
                return new Rejection($"{what} is on the link '{link}', which is not among the links.");
            if (Text(network, "type") is "ipv4" or "ipv6" && (Text(network, "ip_address") is not { } address || !System.Net.IPAddress.TryParse(address.Split('/')[0], out _)))
                return new Rejection($"{what} is static and has no 'ip_address' that is one.", "Give it, or the type ipv4_dhcp.");
        }
        return null;
    }

    private static JsonElement[] Items(JsonElement data, string list) => data.TryGetProperty(list, out var items) ? [.. items.EnumerateArray()] : [];

    private static string? Text(JsonElement item, string member) => item.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
}
