using Baremetal.Api;
using Baremetal.Conductor.Jobs;

namespace Baremetal.Conductor.Inventories;

/// <summary>
/// Which disk of one inventory is which of another: by serial number and WWN, never by name or order, which the kernel gives anew at each boot.
/// Virtual disks and RAID volumes may tell neither: one that is like another is that one, and else one in the same place.
/// </summary>
internal static class DiskPairs
{
    /// <summary>From what says the most to what says the least. Cheap disks have serial numbers and WWNs in common, so that what is equal in all comes first.</summary>
    private static readonly Func<Disk, object?>[] Marks =
    [
        disk => IsAnonymous(disk) ? null : (disk.Serial, disk.Wwn, disk.SizeBytes, disk.Model),
        disk => disk.Serial,
        disk => disk.Wwn,
        disk => IsAnonymous(disk) ? (disk.ByPath, disk.SizeBytes, disk.Model) : null,
        disk => IsAnonymous(disk) ? (disk.SizeBytes, disk.Model) : null,
        disk => disk.ByPath,
    ];

    /// <summary>Each disk once: in a pair with what it was, or as what is gone or new. Paths to one disk are one disk.</summary>
    public static (List<(Disk Before, Disk After)> Same, List<Disk> Gone, List<Disk> New) Of(IEnumerable<Disk> before, IEnumerable<Disk> after)
    {
        var same = new List<(Disk, Disk)>();
        var gone = RootDevice.OnePathEach(before).ToList();
        var added = RootDevice.OnePathEach(after).ToList();
        foreach (var mark in Marks)
        {
            var found = Pairs(gone, added, mark);
            if (found.Count == 0)
                continue;
            var paired = found.SelectMany(pair => new[] { pair.Before, pair.After }).ToHashSet<Disk>(ReferenceEqualityComparer.Instance);
            gone.RemoveAll(paired.Contains);
            added.RemoveAll(paired.Contains);
            same.AddRange(found);
        }
        return (same, gone, added);
    }

    private static List<(Disk Before, Disk After)> Pairs(List<Disk> before, List<Disk> after, Func<Disk, object?> mark)
    {
        var pairs = new List<(Disk, Disk)>();
        var waiting = before.Where(disk => mark(disk) is not null).GroupBy(disk => mark(disk)!).ToDictionary(group => group.Key, group => new Queue<Disk>(group));
        foreach (var disk in after)
        {
            if (mark(disk) is not { } own || !waiting.TryGetValue(own, out var alike) || !alike.TryPeek(out var was) || AreTwo(was, disk))
                continue;
            pairs.Add((alike.Dequeue(), disk));
        }
        return pairs;
    }

    private static bool IsAnonymous(Disk disk) => disk is { Serial: null, Wwn: null };

    /// <summary>Disks in one place one after the other, or behind a bridge that gives all the same WWN.</summary>
    private static bool AreTwo(Disk a, Disk b) => a.Serial is not null && b.Serial is not null ? a.Serial != b.Serial : a.Wwn is not null && b.Wwn is not null && a.Wwn != b.Wwn;
}
