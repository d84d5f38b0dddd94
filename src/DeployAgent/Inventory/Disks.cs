using System.Buffers.Binary;
using System.Text;
using Baremetal.Api;

namespace Baremetal.DeployAgent.Inventory;

/// <summary><c>/sys/block</c>: the disks that an operating system could live on.</summary>
internal static class Disks
{
    private static readonly string[] _noDisks = ["loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd", "mtdblock"];

    public static Disk[] Read(Machine machine) => [.. machine.Names("/sys/block").Where(name => IsDisk(machine, name)).Select(name => Read(machine, name))];

    private static bool IsDisk(Machine machine, string name) =>
        !_noDisks.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))
        // eMMC shows its boot areas as disks of their own.
        && !(name.StartsWith("mmcblk", StringComparison.Ordinal) && name.Contains("boot", StringComparison.Ordinal))
        // The single paths under an NVMe multipath head.
        && machine.Number($"/sys/block/{name}/hidden") != 1
        // A card reader without a card.
        && machine.Number($"/sys/block/{name}/size") > 0;

    private static Disk Read(Machine machine, string name)
    {
        var block = $"/sys/block/{name}";
        return new Disk(
            name,
            // In units of 512 bytes whatever the disk's sectors are.
            (machine.Number($"{block}/size") ?? 0) * 512,
            SerialOf(machine, block),
            WwnOf(machine.Text($"{block}/wwid") ?? machine.Text($"{block}/device/wwid")),
            machine.Text($"{block}/device/model"),
            // Of virtio disks this is a number of the bus.
            machine.Text($"{block}/device/vendor") is { } vendor && !vendor.StartsWith("0x", StringComparison.Ordinal) ? vendor : null,
            machine.Number($"{block}/queue/rotational") == 1,
            machine.Number($"{block}/ro") == 1,
            (int)(machine.Number($"{block}/queue/logical_block_size") ?? 512),
            (int)(machine.Number($"{block}/queue/physical_block_size") ?? 512),
            BusPath.Of(machine, name),
            BusOf(machine, name));
    }

    // virtio has it at the block device, NVMe at the controller, SCSI and SATA in the vital product data, page 0x80
    // (SPC-4, 7.8.15: a header of 4 bytes with the length in its last two, then ASCII).
    private static string? SerialOf(Machine machine, string block)
    {
        if ((machine.Text($"{block}/serial") ?? machine.Text($"{block}/device/serial")) is { } serial)
            return serial;
        if (machine.Bytes($"{block}/device/vpd_pg80") is not { Length: > 4 } page || page[1] != 0x80)
            return null;
        var length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(page.AsSpan(2)), page.Length - 4);
        return Encoding.ASCII.GetString(page, 4, length).Trim(' ', '\0') is { Length: > 0 } text ? text : null;
    }

    // By the kernel's path to it, in which each transport has its own words.
    private static string? BusOf(Machine machine, string name) => machine.Target($"/sys/block/{name}")?.Split('/') switch
    {
        null => null,
        var path when Has(path, "usb") => "usb",
        _ when name.StartsWith("nvme", StringComparison.Ordinal) => "nvme",
        var path when Has(path, "mmc") => "mmc",
        var path when Has(path, "ata") => "sata",
        var path when Has(path, "end_device-") => "sas",
        var path when Has(path, "rport-") => "fc",
        var path when Has(path, "session") => "iscsi",
        var path when Has(path, "host") => "scsi",
        var path when Has(path, "virtio") => "virtio",
        _ => null,
    };

    private static bool Has(string[] path, string word) => path.Any(part => part.StartsWith(word, StringComparison.Ordinal) && part.Length > word.Length && char.IsAsciiDigit(part[word.Length]));

    // Written as udev and lsblk write it. A t10 name is made of vendor and model, and no world-wide number.
    private static string? WwnOf(string? wwid) => wwid switch
    {
        null => null,
        _ when wwid.StartsWith("naa.", StringComparison.Ordinal) => "0x" + wwid["naa.".Length..],
        _ when wwid.StartsWith("t10.", StringComparison.Ordinal) => null,
        _ => wwid,
    };
}
