namespace Baremetal.DeployAgent.Inventory;

/// <summary>
/// A disk's name by its place on the bus, as systemd's <c>udev-builtin-path_id.c</c> makes <c>ID_PATH</c>, so that an operator finds it again
/// under <c>/dev/disk/by-path</c> of an installed system.
/// </summary>
internal static class BusPath
{
    /// <summary>Null where the kernel's path has no PCI device, or goes over a transport whose naming is not known here: no name is better than a wrong one.</summary>
    public static string? Of(Machine machine, string disk)
    {
        if (machine.Target($"/sys/block/{disk}") is not { } target)
            return null;
        var path = target.Split('/');
        var pci = Array.FindLastIndex(path, IsPciAddress);
        if (pci < 0)
            return null;
        var bus = $"pci-{path[pci]}";
        var below = path[(pci + 1)..];
        if (disk.StartsWith("nvme", StringComparison.Ordinal))
            return machine.Number($"/sys/block/{disk}/nsid") is { } nsid ? $"{bus}-nvme-{nsid}" : null;
        // The name of udev's own rule for virtio disks.
        if (below is [var device, "block", _] && device.StartsWith("virtio", StringComparison.Ordinal))
            return $"virtio-{bus}";
        // SAS, Fibre Channel and iSCSI have their ports and sessions between host and target, and names of their own.
        if (Array.FindIndex(below, IsScsiHost) is >= 0 and var host && below[(host + 1)..] is [['t', 'a', 'r', 'g', 'e', 't', ..], var address, "block", _])
            return ScsiPath(machine, string.Join('/', path[..(pci + 1 + host)]), below[..host], below[host], address) is { } scsi ? $"{bus}-{scsi}" : null;
        return null;
    }

    private static string? ScsiPath(Machine machine, string parent, string[] transport, string host, string address)
    {
        if (address.Split(':') is not { Length: 4 } numbers)
            return null;
        switch (transport)
        {
            // Each SATA port is a SCSI host; what tells two disks of a port apart is the target, behind a port multiplier the bus.
            case [var port] when IsAtaPort(port) && machine.Number($"{parent}/ata_port/{port}/port_no") is { } number:
                return numbers[1] == "0" ? $"ata-{number}.{numbers[2]}" : $"ata-{number}.{numbers[1]}.0";

            // Hosts are numbered in the order of discovery, so a controller's own first host counts as 0.
            case [] or [['v', 'i', 'r', 't', 'i', 'o', ..]]:
                var first = machine.Names(parent).Where(IsScsiHost).Min(HostNumber);
                return $"scsi-{HostNumber(host) - first}:{numbers[1]}:{numbers[2]}:{numbers[3]}";

            default:
                return null;
        }
    }

    private static int HostNumber(string host) => int.Parse(host.AsSpan("host".Length));

    // 0000:00:1f.2, the domain in up to eight digits.
    private static bool IsPciAddress(string part) => part.Split(':', '.') is [{ Length: >= 4 }, { Length: 2 }, { Length: 2 }, { Length: 1 }] numbers && numbers.All(number => number.All(char.IsAsciiHexDigitLower));

    private static bool IsScsiHost(string part) => part.StartsWith("host", StringComparison.Ordinal) && IsNumber(part["host".Length..]);

    private static bool IsAtaPort(string part) => part.StartsWith("ata", StringComparison.Ordinal) && IsNumber(part["ata".Length..]);

    private static bool IsNumber(string text) => text.Length is > 0 and <= 9 && text.All(char.IsAsciiDigit);
}
