using Baremetal.Api;

namespace Baremetal.Lab;

/// <summary>All that a virtual server is. Disks come before the network interface in the firmware's boot order unless it is said otherwise.</summary>
public sealed record VirtualServerSpec
{
    internal const string VirtioCard = "virtio-net-pci";

    /// <summary>Unique on its LAN; names its folder and its Redfish resource. Letters, digits and hyphens, at most 32.</summary>
    public required string Name { get; init; }

    public required string Mac { get; init; }

    /// <summary>SMBIOS type 1, and what a PXE client sends as option 97.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>SMBIOS type 1, as are manufacturer and product.</summary>
    public required string Serial { get; init; }

    public string Manufacturer { get; init; } = "Baremetal";

    public string Product { get; init; } = "Virtual server";

    /// <summary>SeaBIOS with QEMU's iPXE ROM, or OVMF with edk2's own PXE.</summary>
    public FirmwareMode Firmware { get; init; } = FirmwareMode.Uefi;

    /// <summary>QEMU's <c>pc</c> or <c>q35</c>, which has SATA; null is q35 under UEFI, else pc.</summary>
    public string? MachineType { get; init; }

    /// <summary>QEMU's device for the network interface.</summary>
    public string NetworkCard { get; init; } = VirtioCard;

    /// <summary>Of a second network interface, which the firmware does not boot from; null for none.</summary>
    public string? SecondMac { get; init; }

    public int MemoryMiB { get; init; } = 512;

    /// <summary>A second one costs a quarter more of the host's time until the agent runs, and brings the guest there no sooner.</summary>
    public int Processors { get; init; } = 1;

    public IReadOnlyList<VirtualDisk> Disks { get; init; } = [new()];

    /// <summary>The firmware tries the network before the disks at every boot.</summary>
    public bool NetworkFirst { get; init; }

    /// <summary>When given, QEMU starts this kernel itself, and the firmware boots nothing.</summary>
    public DirectKernel? Kernel { get; init; }

    /// <summary>The nth server of a lab, n from 1 to 255: <c>node-n</c>, with a MAC address, UUID and serial made from the number.</summary>
    public static VirtualServerSpec Numbered(int number, FirmwareMode firmware) => new()
    {
        Name = $"node-{number}",
        Mac = $"52:54:00:77:00:{checked((byte)number):x2}",
        Uuid = Guid.Parse($"77770000-0000-4000-8000-5254007700{number:x2}"),
        Serial = $"LAB-{number:000}",
        Firmware = firmware,
    };
}

/// <summary>What a disk is attached by.</summary>
public enum DiskBus
{
    Virtio,

    /// <summary>AHCI: on a q35 machine only.</summary>
    Sata,
    Nvme,

    /// <summary>virtio-scsi.</summary>
    Scsi,

    /// <summary>An LSI MegaRAID SAS 2108 (driver megaraid_sas).</summary>
    MegaRaid,
}

/// <summary>A disk, empty at first and sparse on the host.</summary>
/// <param name="SizeBytes">A multiple of its sectors.</param>
/// <param name="Serial">Cut at 20 characters by virtio; null makes one from its place.</param>
/// <param name="SectorBytes">512 or 4096; SATA has 512 only.</param>
/// <param name="CacheLossSeed">
/// When given, a power cut takes part of what was not flushed with it, and this decides which part. Such a disk is slower. Null keeps all that the
/// guest has written, as a cache behind a battery does.
/// </param>
/// <param name="WrittenPerSecond">The most bytes that it takes in a second, zeros too; null sets no limit.</param>
public sealed record VirtualDisk(long SizeBytes = 8L << 30, string? Serial = null, int SectorBytes = 512, int? CacheLossSeed = null, long? WrittenPerSecond = null, DiskBus Bus = DiskBus.Virtio);

/// <summary>A kernel, its initramfs and its command line, loaded by QEMU without firmware or network (<c>-kernel</c>).</summary>
public sealed record DirectKernel(string Kernel, string Initrd, string Append);
