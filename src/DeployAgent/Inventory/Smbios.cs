using Baremetal.Api;

namespace Baremetal.DeployAgent.Inventory;

/// <summary><c>/sys/class/dmi/id</c>: what the SMBIOS tables say of the machine.</summary>
internal static class Smbios
{
    // What vendors leave in when they have nothing to say; as an identity it would make a thousand machines one.
    private static readonly HashSet<string> _nothing = new(StringComparer.OrdinalIgnoreCase)
    {
        "Not Specified", "None", "Default string", "To Be Filled By O.E.M.", "System Serial Number", "System manufacturer", "System Product Name", "0123456789", "Unknown", "N/A",
    };

    public static SystemIdentity Read(Machine machine) => new(
        Field(machine, "sys_vendor"),
        Field(machine, "product_name"),
        Field(machine, "product_serial"),
        Guid.TryParse(Field(machine, "product_uuid"), out var uuid) && uuid != Guid.Empty && uuid != Guid.AllBitsSet ? uuid : null,
        Field(machine, "bios_vendor"),
        Field(machine, "bios_version"));

    private static string? Field(Machine machine, string name) => machine.Text($"/sys/class/dmi/id/{name}") is { } text && !_nothing.Contains(text) ? text : null;
}
