using System.Diagnostics.CodeAnalysis;
using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// Config drives of an earlier life, on disks that a deploy does not write. cloud-init reads whichever it finds first, so that one of ours beside another is
/// an ambiguity: it is refused unless the order removes the other.
/// </summary>
internal static class StaleConfigDrives
{
    public static bool TryPlan(
        DeployNode ask, bool hasOwn, Disk[] disks, Disk target, [NotNullWhen(true)] out StaleConfigDrive[]? found, [NotNullWhen(false)] out Rejection? rejection)
    {
        found = null;
        rejection = null;
        var removed = new List<string>();
        foreach (var hints in ask.RemoveConfigDrives ?? [])
        {
            if (!RootDevice.TryChoose(disks, hints, out var disk, out rejection))
            {
                rejection = rejection with { Cause = $"The config drive to remove is not clear. {rejection.Cause}" };
                return false;
            }
            rejection = disk.Name == target.Name ? new Rejection($"Disk {disk.Name} is written anew, and its config drive with it.", "Leave --remove-config-drive out for it.")
                : disk.ConfigDrives is null ? new Rejection($"Whether disk {disk.Name} has a config drive is not known: it did not answer, or its agent is older.", "Inspect the node again with the newest ramdisk.")
                : disk.ConfigDrives.Length == 0 ? new Rejection($"Disk {disk.Name} has no config drive.", "Name a disk that has one: 'conductor deploy --dry-run' lists them.")
                : null;
            if (rejection is not null)
                return false;
            removed.Add(disk.Name);
        }
        var stale = disks.Where(disk => disk.Name != target.Name && disk.ConfigDrives is { Length: > 0 }).Select(disk => new StaleConfigDrive(disk, removed.Contains(disk.Name))).ToArray();
        if (hasOwn && Array.Find(stale, drive => !drive.Removed) is { Disk: var other })
        {
            rejection = new Rejection(
                $"Disk {other.Name} (serial {other.Serial ?? "unknown"}) has a config drive already ({string.Join(", ", other.ConfigDrives!)}), and cloud-init would read either it or the one of this deploy.",
                other.ReadOnly ? "The disk is read-only: take it out, or deploy without host name, keys and user data, for the installed system to be told by that disk."
                    : $"Remove it with --remove-config-drive {HintFor(other)}, or erase the disk: 'conductor node clean NODE --disk {HintFor(other)}'.");
            return false;
        }
        found = stale;
        return true;
    }

    private static string HintFor(Disk disk) => disk.Serial is { } serial ? $"serial={serial}" : disk.Wwn is { } wwn ? $"wwn={wwn}" : disk.ByPath is { } path ? $"by-path={path}" : $"name={disk.Name}";
}
