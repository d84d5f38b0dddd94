using Baremetal.Api;

namespace Baremetal.Conductor.Jobs;

/// <summary>What agents reported of the disks of one cleaning, whichever of their starts it was.</summary>
internal static class ErasedDisks
{
    /// <summary>The report so far, and what is told now; the newest word on a disk stands.</summary>
    public static ErasedDisk[] With(ErasedDisk[]? soFar, ErasedDisk[] now) =>
        [.. (soFar ?? []).Where(old => !now.Any(told => Identity(told) == Identity(old))).Concat(now).OrderBy(disk => disk.Name, StringComparer.Ordinal)];

    /// <summary>The disks that nobody was asked to erase, since they take no writes: what is on them stays, and whoever reads the report must hear of it.</summary>
    public static ErasedDisk[] LeftOut(Disk[] disks) =>
        [.. disks.Where(disk => disk is { ReadOnly: true, SizeBytes: > 0 }).Select(disk => new ErasedDisk(disk.Name, disk.Serial, disk.SizeBytes, 0, disk.SizeBytes, 0, "it is read-only, and was left as it is", disk.Wwn, disk.ByPath))];

    /// <summary>The disks that need not be erased again. One that tells neither serial number nor WWN may have been changed for another while the machine was off.</summary>
    public static Disk[] Done(Disk[] disks, ErasedDisk[]? report) => Array.FindAll(disks, disk =>
        (disk.Serial ?? disk.Wwn) is not null
        && Array.Exists(report ?? [], told => told is { Failure: null, FailedBytes: 0 } && told.SizeBytes == disk.SizeBytes && Identity(told) == (disk.Serial, disk.Wwn, disk.ByPath)));

    // The kernel may name it otherwise after another boot.
    private static (string?, string?, string?) Identity(ErasedDisk disk) => (disk.Serial, disk.Wwn, disk.ByPath);
}
