using System.Diagnostics.CodeAnalysis;
using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.RootDevice;

/// <summary>Which disk an order means. All that it says must hold, and for exactly one disk: a guess would cost somebody's data.</summary>
internal static class TargetChoice
{
    /// <summary>Each of several, and no disk twice.</summary>
    public static bool TryFind(IReadOnlyList<TargetDisk> targets, IReadOnlyList<Disk> disks, [NotNullWhen(true)] out Disk[]? found, [NotNullWhen(false)] out Rejection? rejection)
    {
        found = null;
        rejection = null;
        var all = new List<Disk>();
        foreach (var target in targets)
        {
            if (!TryFind(target, disks, out var disk, out rejection))
                return false;
            if (all.Contains(disk))
            {
                rejection = new Rejection($"The order means {disk.Name} twice.");
                return false;
            }
            all.Add(disk);
        }
        found = [.. all];
        return true;
    }

    public static bool TryFind(TargetDisk target, IReadOnlyList<Disk> disks, [NotNullWhen(true)] out Disk? disk, [NotNullWhen(false)] out Rejection? rejection)
    {
        disk = null;
        rejection = null;
        // A size alone may fit today and mean another disk tomorrow.
        if (target is { Wwn: null, Serial: null, ByPath: null })
        {
            rejection = new Rejection("The order names no disk by WWN, serial number or path.", "Inspect the node again, and deploy it with a root device hint.");
            return false;
        }
        var matching = disks.Where(candidate => Matches(target, candidate)).ToList();
        // Several paths to one disk are no ambiguity.
        if (matching.DistinctBy(Identity).Count() == 1)
            disk = matching.Find(candidate => !candidate.ReadOnly);
        if (disk is not null)
            return true;

        var (cause, remedy) = matching switch
        {
            [] => ("no disk of this machine is", "The hardware has changed: inspect the node again."),
            _ when matching.TrueForAll(candidate => candidate.ReadOnly) => ($"{matching[0].Name} is read-only", "Switch its write protection off."),
            _ => ($"{matching.Count} disks are: {List(matching)}", "Give a hint that only one of them matches."),
        };
        rejection = new Rejection($"The order means the disk with {Describe(target)}, but {cause}{(matching.Count == 0 ? $". It has {List(disks)}" : "")}.", remedy);
        return false;
    }

    // One disk only where all that tells disks apart is known and equal: bridges and cheap drives give each disk the same WWN.
    private static (string, string?, long) Identity(Disk disk) => disk is { Wwn: { } wwn, Serial: { } serial } ? (wwn, serial, disk.SizeBytes) : (disk.Name, null, 0);

    private static bool Matches(TargetDisk target, Disk disk) =>
        target.SizeBytes == disk.SizeBytes
        && target.SectorSize == disk.LogicalSectorBytes
        && Same(target.Wwn, disk.Wwn)
        && Same(target.Serial, disk.Serial)
        && Same(target.ByPath, disk.ByPath);

    private static bool Same(string? wanted, string? found) => wanted is null || wanted == found;

    private static string Describe(TargetDisk target) => string.Join(", ", new[]
    {
        target.Wwn is null ? null : $"WWN {target.Wwn}",
        target.Serial is null ? null : $"serial {target.Serial}",
        target.ByPath is null ? null : $"path {target.ByPath}",
        $"{target.SizeBytes} bytes in sectors of {target.SectorSize}",
    }.OfType<string>());

    private static string List(IReadOnlyCollection<Disk> disks) => disks.Count == 0 ? "no disks" : string.Join("; ", disks.Select(disk =>
        $"{disk.Name} ({disk.SizeBytes} bytes in sectors of {disk.LogicalSectorBytes}, WWN {disk.Wwn ?? "unknown"}, serial {disk.Serial ?? "unknown"}, path {disk.ByPath ?? "unknown"})"));
}
