namespace Baremetal.VmRunner.Supervisor;

/// <summary>How the guest sees its disk. Each value is one of a few that we know; no text of an image or a user gets as far as QEMU.</summary>
/// <param name="Model">QEMU's device.</param>
/// <param name="Cache">QEMU's cache mode.</param>
/// <param name="Slot">Of the first PCI bus; null for the next that is free.</param>
internal sealed record GuestDisk(string Model = GuestDisk.Virtio, string Cache = "writeback", int? Slot = null)
{
    public const string Virtio = "virtio-blk-pci";
    public const string Ide = "ide-hd";
    public const string Scsi = "scsi-hd";
}

/// <summary>How the guest sees its network card.</summary>
/// <param name="Model">QEMU's device.</param>
/// <param name="Slot">Of the first PCI bus; null for the next that is free.</param>
internal sealed record GuestCard(string Model = GuestCard.Virtio, int? Slot = null)
{
    public const string Virtio = "virtio-net-pci";
}

/// <summary>The rest that an image may ask for.</summary>
/// <param name="HasTablet">A pointer that a viewer's pointer does not run away from.</param>
/// <param name="BootOrder">QEMU's letters: a floppy, c disk, d CD; null for its own order.</param>
/// <param name="ClockIsLocal">The clock tells local time, as Windows expects it.</param>
internal sealed record GuestExtras(bool HasTablet = false, string? BootOrder = null, bool ClockIsLocal = false);
