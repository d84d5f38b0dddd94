using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Conductor.Inventories;

/// <summary>
/// What two inventories of one machine say differently about its hardware; nothing is said when they mean the same. This is the one place that decides
/// what counts. What does not, since it differs from boot to boot or says nothing of the hardware:
/// <list type="bullet">
/// <item>names of disks and network interfaces: the kernel gives them in the order in which it finds them;</item>
/// <item>a disk's place on the bus: all numbers move when another card is put in; what is on it (config drives): a deploy changes that;</item>
/// <item>addresses, link, speed, and which interface was booted from: they are the network's and the cable's; drivers are the ramdisk's;</item>
/// <item>some mebibytes of memory: the kernel counts what it leaves over, and each kernel leaves another amount.</item>
/// </list>
/// </summary>
internal static class InventoryComparison
{
    /// <summary>More than kernels differ by in what they keep to themselves; no server has a module of memory that is smaller.</summary>
    private const long LeastMemory = 64 << 20;

    /// <summary>In a server that has very many, one that is gone is such a share of the whole.</summary>
    private const int MostModules = 128;

    /// <summary>What a value from a machine may take of a line.</summary>
    private const int LongestValue = 64;

    /// <summary>The driver of network cards that BMCs offer to their machines over USB; many make themselves another address at each start.</summary>
    private const string BmcCardDriver = "cdc_ether";

    public static List<InventoryChange> Changes(Inventory before, Inventory after) =>
    [
        .. OfSystem(before, after), .. OfProcessor(before.Processor, after.Processor), .. OfMemory(before.MemoryBytes, after.MemoryBytes), .. OfDisks(before.Disks, after.Disks),
        .. OfCards(before.NetworkInterfaces, after.NetworkInterfaces),
    ];

    private static IEnumerable<InventoryChange> OfSystem(Inventory before, Inventory after)
    {
        var (was, now) = (before.System, after.System);
        return Changed(InventoryPart.System, ("system manufacturer", was.Manufacturer, now.Manufacturer), ("system product", was.Product, now.Product),
                ("system serial", was.Serial, now.Serial), ("system UUID", was.Uuid?.ToString(), now.Uuid?.ToString()))
            .Concat(Changed(InventoryPart.Firmware, ("firmware mode", Word(before.Firmware), Word(after.Firmware)), ("firmware vendor", was.FirmwareVendor, now.FirmwareVendor),
                ("firmware", was.FirmwareVersion, now.FirmwareVersion)));
    }

    private static IEnumerable<InventoryChange> OfProcessor(Processor was, Processor now) => Changed(InventoryPart.Processor,
        ("processor", was.Model, now.Model), ("processor architecture", was.Architecture, now.Architecture), ("processor sockets", $"{was.Sockets}", $"{now.Sockets}"),
        ("processor cores", $"{was.Cores}", $"{now.Cores}"), ("processor threads", $"{was.Threads}", $"{now.Threads}"));

    private static IEnumerable<InventoryChange> OfMemory(long was, long now) =>
        Math.Abs((decimal)now - was) < Math.Max(LeastMemory, Math.Max(was, now) / MostModules) ? [] : Changed(InventoryPart.Memory, ("memory", Size(was, now), Size(now, was)));

    private static IEnumerable<InventoryChange> OfDisks(Disk[] before, Disk[] after)
    {
        var (same, gone, added) = DiskPairs.Of(before, after);
        return gone.Select(disk => new InventoryChange(InventoryPart.Disk, InventoryChangeKind.Removed, $"{Described(disk)} is gone"))
            .Concat(added.Select(disk => new InventoryChange(InventoryPart.Disk, InventoryChangeKind.Added, $"{Described(disk)} is new")))
            .Concat(same.SelectMany(pair => OfDisk(pair.Before, pair.After)));
    }

    private static IEnumerable<InventoryChange> OfDisk(Disk was, Disk now)
    {
        var disk = NameOf(now);
        return Changed(InventoryPart.Disk,
            ($"{disk}: size", Size(was.SizeBytes, now.SizeBytes), Size(now.SizeBytes, was.SizeBytes)),
            ($"{disk}: serial", was.Serial, now.Serial),
            ($"{disk}: WWN", was.Wwn, now.Wwn),
            ($"{disk}: vendor", was.Vendor, now.Vendor),
            ($"{disk}: model", was.Model, now.Model),
            // Older agents do not tell it.
            ($"{disk}: bus", was.Bus ?? now.Bus, now.Bus ?? was.Bus),
            ($"{disk}: kind", Kind(was), Kind(now)),
            // A worn-out SSD lets itself be read, and no more.
            ($"{disk}: access", Access(was), Access(now)),
            ($"{disk}: sectors", Sectors(was), Sectors(now)));
    }

    private static IEnumerable<InventoryChange> OfCards(NetworkInterface[] before, NetworkInterface[] after)
    {
        var (was, now) = (Cards(before), Cards(after));
        return was.ExceptBy(now.Select(MacOf), MacOf).Select(card => new InventoryChange(InventoryPart.NetworkInterface, InventoryChangeKind.Removed, $"{Described(card)} is gone"))
            .Concat(now.ExceptBy(was.Select(MacOf), MacOf).Select(card => new InventoryChange(InventoryPart.NetworkInterface, InventoryChangeKind.Added, $"{Described(card)} is new")));
    }

    // One that tells no address cannot be told from another.
    private static List<NetworkInterface> Cards(NetworkInterface[] all) => [.. all.Where(card => card.Mac.Length > 0 && card.Driver != BmcCardDriver)];

    private static string MacOf(NetworkInterface card) => card.Mac.ToLowerInvariant();

    private static IEnumerable<InventoryChange> Changed(InventoryPart part, params (string What, string? Was, string? Now)[] values) =>
        from value in values
        where value.Was != value.Now
        select new InventoryChange(part, InventoryChangeKind.Changed, $"{value.What} {Shown(value.Was)} → {Shown(value.Now)}");

    private static string Described(Disk disk) =>
        $"{NameOf(disk)} ({string.Join(", ", new[] { disk.Bus, Kind(disk), Units.Bytes(disk.SizeBytes), disk.Model }.OfType<string>().Select(Shown))})";

    private static string Described(NetworkInterface card) => $"network card {Shown(card.Mac)}{(card.Driver is { } driver ? $" ({Shown(driver)})" : "")}";

    private static string NameOf(Disk disk) => disk switch
    {
        { Serial: { } serial } => $"disk serial {Shown(serial)}",
        { Wwn: { } wwn } => $"disk WWN {Shown(wwn)}",
        { ByPath: { } place } => $"disk at {Shown(place)}",
        _ => $"disk {Shown(disk.Name)}",
    };

    private static string Kind(Disk disk) => disk.Rotational ? "hdd" : "ssd";

    private static string Access(Disk disk) => disk.ReadOnly ? "read-only" : "read and write";

    private static string Sectors(Disk disk) => $"{disk.LogicalSectorBytes}/{disk.PhysicalSectorBytes}";

    /// <summary>As exact as it takes to tell it from the other.</summary>
    private static string Size(long bytes, long other) =>
        bytes == other || Units.Bytes(bytes) != Units.Bytes(other) ? Units.Bytes(bytes)
        : bytes >> 30 != other >> 30 ? $"{bytes >> 30} GiB"
        : $"{bytes} bytes";

    private static string Word(FirmwareMode mode) => mode.ToString().ToLowerInvariant();

    /// <summary>It goes to the log and to terminals, and a machine says of itself what it likes.</summary>
    private static string Shown(string? value) => value switch
    {
        null => "none",
        { Length: > LongestValue } => Printable.Of(value[..LongestValue]) + "…",
        _ => Printable.Of(value),
    };
}
