using Baremetal.Api;

namespace Baremetal.DeployAgent.Inventory;

/// <summary>An inventory for whoever stands before the console.</summary>
internal static class InventoryTable
{
    public static IEnumerable<string> Lines(Api.Inventory inventory)
    {
        var (system, cpu) = (inventory.System, inventory.Processor);
        List<string[]> rows =
        [
            ["system", Said(", ", $"{system.Manufacturer} {system.Product}".Trim(), Labelled("serial", system.Serial), Labelled("UUID", system.Uuid?.ToString()))],
            ["firmware", Said(" ", inventory.Firmware == FirmwareMode.Uefi ? "UEFI," : "BIOS,", system.FirmwareVendor, system.FirmwareVersion)],
            ["cpu", $"{cpu.Model}, {cpu.Sockets} × {cpu.Cores / Math.Max(1, cpu.Sockets)} cores, {cpu.Threads} threads, {cpu.Architecture}"],
            ["memory", Quantity.Bytes(inventory.MemoryBytes)],
        ];
        var disks = Aligned(inventory.Disks.Select(disk => new[]
        {
            disk.Name, Quantity.Bytes(disk.SizeBytes), disk.Rotational ? "hdd" : "ssd", $"{disk.LogicalSectorBytes}/{disk.PhysicalSectorBytes}",
            Said(", ", $"{disk.Vendor} {disk.Model}".Trim(), Labelled("serial", disk.Serial), Labelled("wwn", disk.Wwn), disk.ByPath, disk.ReadOnly ? "read-only" : null),
        }));
        rows.AddRange(disks.Select(line => new[] { "disk", line }));
        var cards = Aligned(inventory.NetworkInterfaces.Select(card => new[]
        {
            card.Name, card.Mac, card.Carrier ? card.SpeedMbit is { } speed ? $"{speed} Mbit/s" : "link" : "no link", card.Driver ?? "",
            string.Join(", ", card.Boot ? [.. card.Addresses, "booted from"] : card.Addresses),
        }));
        rows.AddRange(cards.Select(line => new[] { "nic", line }));
        return Aligned(rows);
    }

    private static IEnumerable<string> Aligned(IEnumerable<string[]> rows)
    {
        var all = rows.ToList();
        return all.Select(row => string.Join("  ", row.Select((cell, column) => cell.PadRight(all.Max(other => other[column].Length)))).TrimEnd());
    }

    private static string? Labelled(string label, string? value) => value is null ? null : $"{label} {value}";

    private static string Said(string separator, params string?[] parts) => string.Join(separator, parts.Where(part => !string.IsNullOrEmpty(part)));
}
