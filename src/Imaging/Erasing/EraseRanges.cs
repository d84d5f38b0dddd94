using Baremetal.Imaging.Native;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing;

/// <summary>Which bytes of a disk are zeros after an erasure, ascending and apart from each other.</summary>
internal static class EraseRanges
{
    // Boot loaders, LVM, md, ZFS and file systems all have their marks within this.
    private const long EndLength = 4 << 20;

    public static List<(long From, long End)> Of(IBlockTarget disk, int sectorSize, EraseDepth depth) =>
        depth is EraseDepth.Metadata or EraseDepth.Secure ? Ends(disk, sectorSize) : [(0, disk.Size)];

    private static List<(long From, long End)> Ends(IBlockTarget disk, int sectorSize)
    {
        var ends = new List<(long From, long End)>();
        Add(0, disk.Size);
        foreach (var (from, end) in PartitionsOf(disk, sectorSize))
            Add(Math.Clamp(from, 0, disk.Size), Math.Clamp(end, 0, disk.Size));

        // As few as they can be: partitions begin where others end.
        var merged = new List<(long From, long End)>();
        foreach (var (from, end) in ends.Order())
        {
            if (merged.Count > 0 && from <= merged[^1].End)
                merged[^1] = (merged[^1].From, Math.Max(end, merged[^1].End));
            else
                merged.Add((from, end));
        }
        return merged;

        void Add(long from, long end)
        {
            if (end <= from)
                return;
            ends.Add((from, Math.Min(end, from + EndLength)));
            ends.Add((Math.Max(from, end - EndLength), end));
        }
    }

    // Of a table that is damaged nobody knows where its partitions were; the disk's own ends go all the same.
    private static IEnumerable<(long From, long End)> PartitionsOf(IBlockTarget disk, int sectorSize)
    {
        using var start = new AlignedBuffer((int)Math.Min(1 << 20, disk.Size));
        if (start.Length < sectorSize || DiskFailure.Of(() => disk.Read(0, start.Span)) is not null)
            return [];
        if (Gpt.TryRead(start.Span, sectorSize, out var gpt, out _) && gpt is not null)
            return [.. gpt.Partitions.Select(partition => (Bytes(partition.FirstLba), Bytes(partition.LastLba + 1)))];
        return Mbr.HasSignature(start.Span) ? [.. Mbr.Partitions(start.Span).Select(partition => (Bytes(partition.FirstLba), Bytes(partition.FirstLba + partition.Sectors)))] : [];

        long Bytes(long sectors) => Math.Min(sectors, disk.Size / sectorSize) * sectorSize;
    }
}
