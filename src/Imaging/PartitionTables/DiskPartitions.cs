using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Native;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>A partition with its number, counted from 1, which firmware and kernel know it by.</summary>
public sealed record NumberedPartition(int Number, GptEntry Entry);

/// <summary>The partitions that a disk has now.</summary>
public static class DiskPartitions
{
    // The table of 128 entries needs 17 KiB in small sectors and 24 KiB in large ones.
    private const int StartLength = 1 << 20;

    /// <summary>Reads a disk's GPT; a disk without one is refused.</summary>
    public static bool TryRead(IBlockTarget disk, int sectorSize, [NotNullWhen(true)] out IReadOnlyList<NumberedPartition>? partitions, [NotNullWhen(false)] out Rejection? rejection)
    {
        partitions = null;
        using var start = new AlignedBuffer((int)Math.Min(StartLength, disk.Size));
        disk.Read(0, start.Span);
        if (!Gpt.TryRead(start.Span, sectorSize, out var gpt, out rejection))
            return false;
        if (gpt is null)
        {
            rejection = new Rejection($"{disk.Name} has no GUID partition table.");
            return false;
        }
        partitions = gpt.Numbered;
        return true;
    }
}
