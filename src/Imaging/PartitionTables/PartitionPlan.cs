using Baremetal.Imaging.Streaming;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>A part of a disk as an order will lay it out, in bytes.</summary>
public sealed record PlannedPart(string Name, long Offset, long Bytes);

/// <summary>
/// What becomes of a partition image's disk, told before anything is asked of a machine: the same arithmetic as the agent's, of the table that
/// <c>image sign</c> makes.
/// </summary>
public static class PartitionPlan
{
    public const string RootName = "root";

    // Of 128 entries of 128 bytes, and the header behind them.
    private const int EntriesBytes = 16 << 10;

    /// <param name="rootOffset">Where the root partition begins.</param>
    /// <param name="diskSize">Of the disk.</param>
    /// <param name="sectorSize">Of the disk.</param>
    /// <param name="swapBytes">A whole number of MiB; 0 for none.</param>
    /// <param name="hasConfigDrive">Whether there will be one.</param>
    /// <returns>In the order of the disk; a root that is not positive has no room.</returns>
    public static IReadOnlyList<PlannedPart> Of(long rootOffset, long diskSize, int sectorSize, long swapBytes, bool hasConfigDrive)
    {
        List<PlannedPart> parts = [];
        var end = (diskSize / sectorSize * sectorSize) - sectorSize - EntriesBytes;
        if (hasConfigDrive)
            Take(ConfigDrive.PartitionName, ConfigDrive.PartitionSize);
        if (swapBytes > 0)
            Take(SwapSpace.PartitionName, swapBytes);
        end = GptTail.Below(end, 0);
        parts.Add(new PlannedPart(RootName, rootOffset, end - rootOffset));
        parts.Add(new PlannedPart("boot", 0, rootOffset));
        parts.Reverse();
        return parts;

        void Take(string name, long bytes)
        {
            end = GptTail.Below(end, bytes);
            parts.Add(new PlannedPart(name, end, bytes));
        }
    }
}
