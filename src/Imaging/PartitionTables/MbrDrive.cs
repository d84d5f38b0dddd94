using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>
/// The config drive of an image that has an MBR: a primary partition in the first free record, at the disk's end, or where 32 bits end
/// on a larger one. Logical partitions are within an extended one, which is a record like others.
/// </summary>
internal static class MbrDrive
{
    // FAT by LBA. cloud-init goes by the file system's label; the type keeps other tools from taking the space for free.
    private const byte Type = 0x0e;

    private const long MostSectors = 1L << 32;

    /// <param name="start">The image's first bytes, a sector or more.</param>
    /// <param name="sectorSize">512 or 4096 bytes.</param>
    /// <param name="diskSize">Bytes of the disk.</param>
    /// <param name="drive">Its content.</param>
    /// <param name="writes">The MBR and the drive.</param>
    /// <param name="rejection">Why it does not fit.</param>
    public static bool TryFit(
        ReadOnlySpan<byte> start, int sectorSize, long diskSize, ConfigDrive drive, [NotNullWhen(true)] out List<DerivedWrite>? writes, [NotNullWhen(false)] out Rejection? rejection)
    {
        writes = null;
        var offset = (Math.Min(diskSize, MostSectors * sectorSize) - ConfigDrive.PartitionSize) / ConfigDrive.Alignment * ConfigDrive.Alignment;
        var first = offset / sectorSize;
        rejection = FirstFault(start, sectorSize, diskSize, first, offset);
        if (rejection is not null)
            return false;
        var sector = start[..sectorSize].ToArray();
        Mbr.Add(sector, FreeNumber(sector), Type, first, ConfigDrive.PartitionSize / sectorSize);
        writes = [new DerivedWrite(0, sector, "MBR"), new DerivedWrite(offset, drive.PaddedTo(sectorSize), "config drive")];
        return true;
    }

    private static Rejection? FirstFault(ReadOnlySpan<byte> start, int sectorSize, long diskSize, long first, long offset)
    {
        // A file system without a table has the signature too, and code where the records would be.
        if (!Mbr.IsTable(start, diskSize / sectorSize))
            return new Rejection("The image has neither a GPT nor an MBR with partitions, so there is no room for the config drive.", "Use an image with a partition table.");
        if (FreeNumber(start) == 0)
            return new Rejection("The image's MBR has no free record for the config drive: all 4 are used.", "Use an image with a GPT, or one with three primary partitions at most.");
        foreach (var other in Mbr.Partitions(start))
        {
            if (other.FirstLba + other.Sectors > first)
                return new Rejection($"The config drive does not fit: the image's partition {other.Number} reaches into the disk's last {ConfigDrive.PartitionSize >> 20} MiB.", "Choose a larger disk, or shrink the image.");
        }
        return offset < ConfigDrive.Alignment ? new Rejection("The config drive does not fit: the disk is too small.", "Choose a larger disk.") : null;
    }

    // 0 if there is none.
    private static int FreeNumber(ReadOnlySpan<byte> sector)
    {
        var used = Mbr.Partitions(sector).Select(partition => partition.Number).ToList();
        return Enumerable.Range(1, 4).FirstOrDefault(number => !used.Contains(number));
    }
}
