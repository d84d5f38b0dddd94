namespace Baremetal.Api;

/// <summary>What the agent found in a machine. Sizes are bytes, speeds Mbit/s; null means that the machine does not say.</summary>
public sealed record Inventory(
    Processor Processor,
    long MemoryBytes,
    Disk[] Disks,
    NetworkInterface[] NetworkInterfaces,
    FirmwareMode Firmware,
    SystemIdentity System);

/// <summary>The processors as the kernel lists them; <paramref name="Architecture"/> as <c>uname -m</c> has it.</summary>
public sealed record Processor(string Model, string Architecture, int Sockets, int Cores, int Threads);

/// <summary>
/// One block device that could hold an operating system. <paramref name="ByPath"/> is the stable name by its place on the bus, as
/// under <c>/dev/disk/by-path</c>; <paramref name="LogicalSectorBytes"/> is what the partition table counts in; <paramref name="Bus"/> is a
/// word of <c>RootDeviceHints.Bus</c>, null from agents that did not tell it yet; <paramref name="ConfigDrives"/> are the file systems on it that
/// cloud-init would take its data from (label <c>config-2</c>), by their kernel names; null if nobody knows.
/// </summary>
public sealed record Disk(
    string Name,
    long SizeBytes,
    string? Serial,
    string? Wwn,
    string? Model,
    string? Vendor,
    bool Rotational,
    bool ReadOnly,
    int LogicalSectorBytes,
    int PhysicalSectorBytes,
    string? ByPath,
    string? Bus = null,
    string[]? ConfigDrives = null);

/// <summary>One network interface; <paramref name="Boot"/> marks the one that the machine was netbooted from.</summary>
public sealed record NetworkInterface(string Name, string Mac, int? SpeedMbit, bool Carrier, string? Driver, string[] Addresses, bool Boot);

/// <summary>SMBIOS: who made the machine and which one it is.</summary>
public sealed record SystemIdentity(string? Manufacturer, string? Product, string? Serial, Guid? Uuid, string? FirmwareVendor, string? FirmwareVersion);

/// <summary>How the machine's firmware boots.</summary>
public enum FirmwareMode
{
    Bios,
    Uefi,
}
