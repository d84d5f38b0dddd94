using Baremetal.Api;

namespace Baremetal.DeployAgent.Inventory;

/// <summary><c>/sys/class/net</c>: the interfaces that are hardware.</summary>
internal static class NetworkCards
{
    public static NetworkInterface[] Read(Machine machine, string? bootMac) =>
    [
        .. machine.Names("/sys/class/net")
            // Bridges, bonds and the loopback have no device.
            .Where(name => machine.Target($"/sys/class/net/{name}/device") is not null)
            .Select(name => Read(machine, name, bootMac)),
    ];

    private static NetworkInterface Read(Machine machine, string name, string? bootMac)
    {
        var card = $"/sys/class/net/{name}";
        // Cards of a bond all show the bond's address.
        var mac = machine.Text($"{card}/bonding_slave/perm_hwaddr") ?? machine.Text($"{card}/address") ?? "";
        return new NetworkInterface(
            name,
            mac,
            machine.Number($"{card}/speed") is > 0 and <= int.MaxValue and var speed ? (int)speed : null,
            machine.Number($"{card}/carrier") == 1,
            machine.Target($"{card}/device/driver") is { } driver ? Path.GetFileName(driver) : null,
            machine.AddressesOf(name),
            mac.Length > 0 && mac == bootMac);
    }
}
