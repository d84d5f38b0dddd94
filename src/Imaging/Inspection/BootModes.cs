using Baremetal.Imaging.PartitionTables;
using Baremetal.Trust;

namespace Baremetal.Imaging.Inspection;

/// <summary>
/// What a disk can boot on, as far as its bytes tell. BIOS: boot code in LBA 0. UEFI: an EFI system partition with a loader at the removable
/// path, since a new machine's firmware knows no other. The architecture is the one of these loaders; nothing in the image is executed.
/// </summary>
public sealed record BootModes(IReadOnlyList<string> Firmware, string Arch)
{
    private const byte EspType = 0xef;

    // A disk has one; a table may name thousands, all to be listed.
    private const int MaxSystemPartitions = 8;

    private static readonly (string Loader, string Arch)[] _loaders =
    [
        ("BOOTX64.EFI", "x86_64"),
        ("BOOTAA64.EFI", "aarch64"),
        ("BOOTRISC.EFI", "riscv64"),
        ("BOOTIA32.EFI", "i686"),
    ];

    /// <summary>Those that loaders are known for, as <c>uname -m</c> has them.</summary>
    public static IReadOnlyList<string> KnownArchitectures { get; } = [.. _loaders.Select(known => known.Arch)];

    internal static BootModes Detect(DiskView disk, int sectorSize, IReadOnlyList<GptEntry> partitions)
    {
        Span<byte> sector = stackalloc byte[512];
        var bios = disk.TryRead(0, sector) && Mbr.HasBootCode(sector);
        var systemPartitions = partitions.Where(partition => partition.Type == GptEntry.EfiSystem).Select(partition => partition.FirstLba * sectorSize)
            .Concat(Mbr.HasSignature(sector) ? Mbr.Partitions(sector).Where(partition => partition.Type == EspType).Select(partition => partition.FirstLba * sectorSize) : []);
        var loaders = systemPartitions.Take(MaxSystemPartitions)
            .SelectMany(start => FatDirectory.TryOpen(disk, start)?.List("EFI", "BOOT") ?? [])
            .Where(name => name.StartsWith("BOOT", StringComparison.Ordinal) && name.EndsWith(".EFI", StringComparison.Ordinal))
            .ToArray();
        string[] found = [.. _loaders.Where(known => loaders.Contains(known.Loader)).Select(known => known.Arch).Concat(bios ? ["x86_64"] : []).Distinct()];
        return new BootModes(
            [.. bios ? ["bios"] : Array.Empty<string>(), .. loaders.Length > 0 ? ["uefi"] : Array.Empty<string>()],
            found.Length == 1 ? found[0] : ImagePredicate.AnyArch);
    }
}
