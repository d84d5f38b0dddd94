using System.Runtime.InteropServices;
using Baremetal.Api;

namespace Baremetal.DeployAgent.Inventory;

/// <summary>Reads all that the kernel tells of a machine.</summary>
internal static class MachineInventory
{
    /// <summary>As <c>uname -m</c> has it.</summary>
    public static string Architecture { get; } = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "aarch64" : "x86_64";

    public static Api.Inventory Read(Machine machine, string? bootMac) => new(
        Processors.Read(machine),
        MemoryOf(machine, "MemTotal") ?? 0,
        WithConfigDrives(machine, Disks.Read(machine)),
        NetworkCards.Read(machine, bootMac),
        FirmwareOf(machine),
        Smbios.Read(machine));

    public static FirmwareMode FirmwareOf(Machine machine) => Directory.Exists(machine.PathOf("/sys/firmware/efi")) ? FirmwareMode.Uefi : FirmwareMode.Bios;

    private static Disk[] WithConfigDrives(Machine machine, Disk[] disks)
    {
        var found = ConfigDriveSearch.OnAll(machine, Array.ConvertAll(disks, disk => disk.Name));
        return [.. disks.Select((disk, i) => disk with { ConfigDrives = found[i] })];
    }

    /// <summary>Bytes that the kernel says of its memory: <c>MemTotal</c>, <c>MemAvailable</c>; null if it does not.</summary>
    public static long? MemoryOf(Machine machine, string what)
    {
        var said = machine.Text("/proc/meminfo")?.Split('\n').FirstOrDefault(line => line.StartsWith(what, StringComparison.Ordinal));
        return said is not null && long.TryParse(said.AsSpan(what.Length).Trim(": kB"), out var kibibytes) ? kibibytes << 10 : null;
    }
}
