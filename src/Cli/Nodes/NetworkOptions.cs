using System.Collections;
using System.CommandLine;
using Baremetal.Api;

namespace Baremetal.Cli.Nodes;

/// <summary>The options that say how a node's ramdisk sets its network up, in every command that can set it.</summary>
internal sealed class NetworkOptions : IEnumerable<Option>
{
    private readonly Option<int?> _vlan = new("--vlan") { HelpName = "NUMBER", Description = "The ramdisk speaks on this VLAN, tagged; firmware and iPXE do not, so that its port must carry them untagged." };
    private readonly Option<int?> _mtu = new("--mtu") { HelpName = "BYTES", Description = "The largest packet of the ramdisk's network." };
    private readonly Option<string> _bond = new("--bond") { HelpName = "MODE:MAC,MAC", Description = "The ramdisk uses these cards as one, such as 802.3ad:52:54:00:12:34:56,52:54:00:12:34:57." };
    private readonly Option<string> _address = new("--address") { HelpName = "ADDRESS/PREFIX", Description = "The ramdisk takes this IPv4 address, and asks no DHCP server." };
    private readonly Option<string> _gateway = new("--gateway") { HelpName = "ADDRESS", Description = "The way out, with --address." };
    private readonly Option<string> _dns = new("--dns") { HelpName = "ADDRESS,…", Description = "Name servers, with --address." };

    /// <summary>Null if none was given.</summary>
    public NodeNetwork? Read(Invocation call)
    {
        var network = new NodeNetwork(call.Get(_vlan), call.Get(_mtu), call.Get(_bond) is { } bond ? Bond(bond) : null, call.Get(_address), call.Get(_gateway), call.Get(_dns)?.Split(','));
        return network == new NodeNetwork() ? null : network;
    }

    public IEnumerator<Option> GetEnumerator() => ((IEnumerable<Option>)[_vlan, _mtu, _bond, _address, _gateway, _dns]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static NodeBond Bond(string text) => text.IndexOf(':', StringComparison.Ordinal) is > 0 and var at
        ? new NodeBond(text[..at], text[(at + 1)..].Split(','))
        : throw Failure.WrongUsage($"'{text}' is no bond.", "Write it as MODE:MAC,MAC, such as active-backup:52:54:00:12:34:56,52:54:00:12:34:57.");
}
