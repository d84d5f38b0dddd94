using System.Diagnostics.CodeAnalysis;
using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>Which disk a deploy writes. One disk or none: where two could be meant, nobody's data is bet on a guess.</summary>
public static class RootDevice
{
    public static bool TryChoose(IReadOnlyList<Disk> disks, RootDeviceHints? hints, [NotNullWhen(true)] out Disk? chosen, [NotNullWhen(false)] out Rejection? rejection)
    {
        var writable = Writable(disks);
        var matching = writable.Where(disk => Matches(disk, hints)).ToList();
        chosen = matching is [var one] ? one : null;
        rejection = matching.Count switch
        {
            1 => null,
            0 when writable.Length == 0 => new Rejection("The node has no disk that can be written.", "Look at its inventory: a storage controller may lack its driver in the ramdisk."),
            0 => new Rejection($"No disk of the node matches the root device hints ({Describe(hints!)}). It has {List(writable)}.", "Correct the hints."),
            _ when hints is not { Any: true } => new Rejection($"The node has {writable.Length} disks and no root device hint says which one to write: {List(writable)}.", "Name one by serial, WWN, path or size."),
            _ => new Rejection($"{matching.Count} disks match the root device hints ({Describe(hints)}): {List(matching)}.", "Give a hint that only one of them matches, such as its serial."),
        };
        return chosen is not null;
    }

    /// <summary>Of several paths to one disk the first stands for it.</summary>
    public static Disk[] Writable(IEnumerable<Disk> disks) => [.. OnePathEach(disks.Where(disk => !disk.ReadOnly && disk.SizeBytes > 0))];

    /// <inheritdoc cref="Writable"/>
    public static IEnumerable<Disk> OnePathEach(IEnumerable<Disk> disks) => disks.DistinctBy(Identity);

    // One disk only where all that tells disks apart is known and equal: bridges and cheap drives give each disk the same WWN.
    private static (string, string?, long) Identity(Disk disk) => disk is { Wwn: { } wwn, Serial: { } serial } ? (wwn, serial, disk.SizeBytes) : (disk.Name, null, 0);

    private static bool Matches(Disk disk, RootDeviceHints? hints) => hints is null
        || (Same(hints.Serial, disk.Serial)
            && Same(hints.Wwn, disk.Wwn)
            && Same(hints.Model, disk.Model)
            && Same(hints.ByPath, disk.ByPath)
            && (hints.Name is not { } name || Bare(name) == Bare(disk.Name))
            && Same(hints.Bus, disk.Bus)
            && (hints.Rotational ?? disk.Rotational) == disk.Rotational
            && (hints.SizeBytes ?? disk.SizeBytes) == disk.SizeBytes
            && disk.SizeBytes >= (hints.MinSizeBytes ?? 0)
            && disk.SizeBytes <= (hints.MaxSizeBytes ?? long.MaxValue));

    // Vendors pad these with spaces, and tools print them in either case.
    private static bool Same(string? hint, string? value) => hint is null || hint.Trim().Equals(value?.Trim(), StringComparison.OrdinalIgnoreCase);

    private static string Bare(string name) => name.StartsWith("/dev/", StringComparison.Ordinal) ? name[5..] : name;

    private static string List(IEnumerable<Disk> disks) =>
        string.Join("; ", disks.Select(disk => $"{disk.Name} ({disk.SizeBytes} bytes, {disk.Bus ?? "unknown bus"}, {(disk.Rotational ? "hdd" : "ssd")}, {disk.Model ?? "unknown model"}, serial {disk.Serial ?? "unknown"}, WWN {disk.Wwn ?? "unknown"}, path {disk.ByPath ?? "unknown"})"));

    private static string Describe(RootDeviceHints hints) => string.Join(", ", new[]
    {
        ("serial", hints.Serial), ("WWN", hints.Wwn), ("model", hints.Model), ("path", hints.ByPath), ("name", hints.Name), ("size", hints.SizeBytes?.ToString()),
        ("at least", hints.MinSizeBytes?.ToString()), ("at most", hints.MaxSizeBytes?.ToString()), ("rotational", hints.Rotational is { } rotational ? rotational ? "yes" : "no" : null),
        ("bus", hints.Bus),
    }.Where(hint => hint.Item2 is not null).Select(hint => $"{hint.Item1} {hint.Item2}"));
}
