using Baremetal.Api;

namespace Baremetal.Conductor.Jobs;

/// <summary>What agents reported of the disks of one cleaning, whichever of their starts it was.</summary>
internal static class ErasedDisks
{
    // What a disk's failure takes to tell, and the reason why each depth before was given up.
    private const int LongestText = 1024;

    /// <summary>What an agent told of the disks that it was ordered to erase. Of others, and at any length, it may tell what it likes.</summary>
    public static ErasedDisk[] Told(Disk[] ordered, ErasedDisk[] report) =>
        [.. report.Where(told => Array.Exists(ordered, disk => IsOf(disk, told)))
            .DistinctBy(Identity)
            .Select(told => told with { Name = Cut(told.Name), Failure = CutOrNull(told.Failure), Method = CutOrNull(told.Method), FellBack = CutOrNull(told.FellBack) })];

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

    // An older agent tells no more than the serial number.
    private static bool IsOf(Disk disk, ErasedDisk told) =>
        told.Serial == disk.Serial && (told.Wwn ?? disk.Wwn) == disk.Wwn && (told.ByPath ?? disk.ByPath) == disk.ByPath;

    private static string Cut(string text) => text.Length <= LongestText ? text : text[..LongestText] + "…";

    private static string? CutOrNull(string? text) => text is null ? null : Cut(text);

    // The kernel may name it otherwise after another boot.
    private static (string?, string?, string?) Identity(ErasedDisk disk) => (disk.Serial, disk.Wwn, disk.ByPath);
}
