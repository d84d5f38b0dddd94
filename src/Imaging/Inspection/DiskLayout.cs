using Baremetal.Imaging.PartitionTables;
using Baremetal.Trust;

namespace Baremetal.Imaging.Inspection;

/// <summary>A disk's partitions and what it boots on.</summary>
/// <param name="PartitionTable"><c>gpt</c>, <c>mbr</c> or <c>none</c>.</param>
/// <param name="SectorSize">The sector size that the table was made for; 512 if nothing tells.</param>
/// <param name="Partitions">Of the table; of an MBR the four primary ones.</param>
/// <param name="Boot">What it boots on.</param>
/// <param name="FileSystem">Without a table: the file system that the disk is; null if none is known.</param>
public sealed record DiskLayout(string PartitionTable, int SectorSize, IReadOnlyList<DiskPartition> Partitions, BootModes Boot, FileSystem? FileSystem = null)
{
    /// <summary>What <see cref="PartitionTable"/> is for a disk without one.</summary>
    public const string NoTable = "none";

    // A GPT's entries lie right behind its header; a table elsewhere is refused.
    private const int StartLength = 1 << 20;

    private const int SmallSector = 512;
    private const int LargeSector = 4096;

    internal static (DiskLayout? Layout, Rejection? Rejection) Read(DiskView disk, long diskSize)
    {
        var start = new byte[Math.Min(StartLength, diskSize)];
        if (!disk.TryRead(0, start))
            return (null, new Rejection("The disk's first bytes do not decode.", "The image is damaged: make it again."));
        if (IsWhole(start, SmallSector) && IsWhole(start, LargeSector))
            return (null, new Rejection($"The image has a partition table for sectors of {SmallSector} bytes and another for sectors of {LargeSector}.", "Remove the one for disks that it is not meant for, and sign the image anew."));
        // The header of an older table may have outlived its entries: only if neither is whole, what is wrong with the first is told.
        var sectorSize = IsWhole(start, LargeSector) || (Gpt.IsAt(start, LargeSector) && !Gpt.IsAt(start, SmallSector)) ? LargeSector : SmallSector;
        if (!Gpt.TryRead(start, sectorSize, out var gpt, out var rejection))
            return (null, rejection);
        var mbr = gpt is null && start.Length >= 512 && Mbr.HasSignature(start) ? Mbr.Partitions(start) : [];
        DiskPartition[] partitions = gpt is null
            ? [.. mbr.Select(partition => DiskPartition.Of(partition, sectorSize))]
            : [.. gpt.Numbered.Select(partition => DiskPartition.Of(partition, sectorSize))];
        var table = gpt is not null ? "gpt" : mbr.Count > 0 ? "mbr" : NoTable;
        return (new DiskLayout(table, sectorSize, partitions, BootModes.Detect(disk, sectorSize, [.. gpt?.Partitions ?? []]), table == NoTable ? FileSystem.Find(disk) : null), null);
    }

    private static bool IsWhole(ReadOnlySpan<byte> start, int sectorSize) => Gpt.TryRead(start, sectorSize, out var gpt, out _) && gpt is not null;
}
