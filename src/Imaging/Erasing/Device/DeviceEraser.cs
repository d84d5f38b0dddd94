using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>Makes a disk erase itself, by the surest way that it has, and compares samples of before and after.</summary>
internal static class DeviceEraser
{
    public static Erasure Erase(IBlockTarget disk, int sectorSize, WriteProgress progress, TimeProvider time, CancellationToken cancel)
    {
        if (disk.Commands is not { } commands)
            return Untouched(disk, "it cannot erase itself: it is neither an NVMe nor a SATA or SAS disk");
        var before = new BeforeAndAfter(disk, progress, cancel);
        progress.Begin(WritePhase.Erasing, disk.Size);
        string? method = null;
        MethodEnd? end = null;
        if (DiskFailure.Of(() => end = EraseItself(commands, new ErasureWatch(disk.Size, progress, time, cancel), out method)) is { } lost)
            end = MethodEnd.Failed(lost.TrimEnd('.'));
        if (end!.Why is { } why)
            return Untouched(disk, end.IsRefused ? $"it does not erase itself: {why}" : $"{method ?? "its own commands"}: {why}");
        if (before.FirstRemnant(disk, progress, cancel) is { } remnant)
            return Untouched(disk, remnant) with { Samples = before.Count };

        // Noise is no table, but what looks for one shall find nothing at all.
        var ends = DiskEraser.Erase(disk, sectorSize, EraseDepth.Metadata, progress, time, cancel);
        return ends.FirstFailure is { } failure
            ? Untouched(disk, failure) with { Samples = before.Count }
            : new Erasure(disk.Size, 0, null, before.Count, method);
    }

    private static MethodEnd EraseItself(IDeviceCommands commands, ErasureWatch watch, out string? method)
    {
        var protocol = ProtocolOf(commands, watch);
        // As good as what would be begun, which the disk would refuse meanwhile.
        method = $"{protocol.Name}-sanitize";
        if (protocol.Resume() is { } resumed)
            return resumed;
        var methods = protocol.Methods(out var why);
        var refusals = new List<string>();
        foreach (var next in methods)
        {
            method = next.Name;
            var end = next.Run();
            if (!end.IsRefused)
                return end;
            if (!refusals.Contains(end.Why!))
                refusals.Add(end.Why!);
        }
        return MethodEnd.Refused(refusals.Count == 0 ? why : string.Join("; ", refusals));
    }

    private static IEraseProtocol ProtocolOf(IDeviceCommands commands, ErasureWatch watch) =>
        commands.Protocol == DeviceProtocol.Nvme ? new NvmeErase(commands, watch)
        : AtaPort.IsAta(commands) ? new AtaErase(new AtaPort(commands), watch)
        : new ScsiSanitize(commands, watch);

    private static Erasure Untouched(IBlockTarget disk, string why) => new(0, disk.Size, why, 0);
}
