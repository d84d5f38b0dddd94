using System.Globalization;
using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>What a host has for VMs.</summary>
internal static class Capacity
{
    /// <summary>Less than this the host's own services and the page cache should not have.</summary>
    private const int LeastReserveMb = 512;

    public static int MemoryMb(HostSettings settings)
    {
        var total = TotalMemoryMb();
        return Math.Max(0, total - (settings.ReserveMb ?? Math.Max(LeastReserveMb, total / 16)));
    }

    public static async Task<RunnerCapacity> ReadAsync(HostSettings settings, Engine engine, NetworkPlan networks, CancellationToken cancel)
    {
        var (disk, free, name, known) = (0L, 0L, "podman", Array.Empty<string>());
        try
        {
            var drive = new DriveInfo(settings.State.Root);
            (disk, free) = (drive.TotalSize, drive.AvailableFreeSpace);
            var info = await engine.ReadAsync(EngineJson.Default.EngineInfo, cancel, "info", "--format", "json");
            name = $"podman {info.Version.Version} ({info.Host.OciRuntime?.Name})";
            known = Array.ConvertAll(await networks.ListAsync(cancel), one => one.Name);
        }
        catch (Exception e) when (e is EngineException or IOException or UnauthorizedAccessException)
        {
            // The preflight says it.
        }
        // The usual one first.
        return new RunnerCapacity(Environment.ProcessorCount, MemoryMb(settings), disk, free, settings.Accelerator, name, [.. known.OrderBy(one => one != settings.Network)]);
    }

    private static int TotalMemoryMb()
    {
        var line = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        return int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
