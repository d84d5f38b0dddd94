using System.Globalization;
using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Nodes;

/// <summary>Inventories as people read them: what a machine has, what it had, and what changed.</summary>
internal static class InventoryViews
{
    public static void Show(Screen screen, KeptInventory kept)
    {
        var sheet = new Sheet();
        sheet.Add("Number", $"{kept.Number}");
        sheet.Add("Seen", $"from {Units.Time(kept.FirstSeen)} until {Units.Time(kept.LastSeen)}");
        sheet.Add("Told by", string.Join(", ", new[] { kept.AgentVersion is { } version ? $"agent {version}" : null, kept.BootId is { } boot ? $"boot {boot}" : null }.OfType<string>()));
        foreach (var (at, change) in TextsOf(kept).Index())
            sheet.Add(at == 0 ? "Changed" : "", change, Tone.Busy);
        AddMachine(sheet, kept.Inventory!);
        sheet.Write(screen);
        Devices(screen, kept.Inventory!);
    }

    public static void History(Screen screen, KeptInventory[] all, string node)
    {
        if (all.Length == 0)
        {
            screen.Line($"{node} has told no inventory yet. Its agent does at its first boot: conductor node inspect {node} --wait");
            return;
        }
        var table = new Table("NUMBER", "SEEN FROM", "UNTIL", "CHANGED");
        foreach (var kept in all)
            table.Add($"{kept.Number}", Units.Time(kept.FirstSeen), Units.Time(kept.LastSeen), string.Join("; ", TextsOf(kept)));
        table.Write(screen);
    }

    /// <summary>A line for each change, or one that says that there is none.</summary>
    public static void Changes(Screen screen, KeptInventory kept)
    {
        foreach (var change in TextsOf(kept).DefaultIfEmpty($"Nothing of the hardware changed from inventory {kept.Since} to {kept.Number}."))
            screen.Line(change);
    }

    private static IEnumerable<string> TextsOf(KeptInventory kept) =>
        kept.Changes.Select(change => change.Text).Concat(kept.MoreChanges > 0 ? [$"and {kept.MoreChanges} more"] : []);

    public static void AddMachine(Sheet sheet, Inventory found)
    {
        var (system, processor) = (found.System, found.Processor);
        sheet.Add("Machine", string.Join(' ', new[] { system.Manufacturer, system.Product, system.Serial is { } serial ? $"serial {serial}" : null, system.Uuid?.ToString() }.OfType<string>()));
        sheet.Add("Firmware", string.Join(' ', new[] { Word<FirmwareMode>.Of(found.Firmware), system.FirmwareVendor, system.FirmwareVersion }.OfType<string>()));
        sheet.Add("Processor", $"{processor.Model}, {processor.Architecture}, {Units.Count(processor.Sockets, "socket")}, {Units.Count(processor.Cores, "core")}, {Units.Count(processor.Threads, "thread")}");
        sheet.Add("Memory", Units.Bytes(found.MemoryBytes));
    }

    public static void Devices(Screen screen, Inventory found)
    {
        screen.Line();
        var disks = new Table("DISK", "SIZE", "SECTOR", "KIND", "SERIAL", "WWN", "MODEL");
        foreach (var disk in found.Disks)
        {
            var kind = (disk.Rotational ? "hdd" : "ssd") + (disk.ReadOnly ? ",ro" : "");
            disks.Add(disk.Name, Units.Bytes(disk.SizeBytes), disk.LogicalSectorBytes.ToString(CultureInfo.InvariantCulture), kind, disk.Serial, disk.Wwn, disk.Model);
        }
        disks.Write(screen);

        // Beside the rest of a disk these would be cut off on a terminal; they are hints for --root-device, to be copied whole.
        screen.Line();
        var places = new Table("DISK", "BYTES", "BUS", "BY-PATH");
        foreach (var disk in found.Disks)
            places.Add(disk.Name, disk.SizeBytes.ToString(CultureInfo.InvariantCulture), disk.Bus, disk.ByPath);
        places.Write(screen);

        screen.Line();
        var nics = new Table("INTERFACE", "MAC", "LINK", "DRIVER", "BOOT", "ADDRESSES");
        foreach (var nic in found.NetworkInterfaces)
        {
            var link = !nic.Carrier ? "down" : nic.SpeedMbit is { } speed ? $"{speed} Mbit/s" : "up";
            nics.Add(nic.Name, nic.Mac, link, nic.Driver, nic.Boot ? "yes" : "no", string.Join(", ", nic.Addresses));
        }
        nics.Write(screen);
    }
}
