using Baremetal.Api;

namespace Baremetal.Lab;

/// <summary>The one place where a virtual server becomes a QEMU command line (qemu-system-x86_64(1)).</summary>
internal static class QemuCommand
{
    public const string Program = "qemu-system-x86_64";

    /// <summary>What QMP calls the network interface.</summary>
    public const string Nic = "nic0";

    /// <summary>Where QMP finds the network interface, to change its place in the boot order.</summary>
    public const string NicPath = $"/machine/peripheral/{Nic}";

    private const string Ovmf = "/usr/share/OVMF/";

    // The disks lie between these two, so that moving the network interface alone makes every order that we need.
    private const int NicFirst = 1;
    private const int DisksFrom = 10;
    private const int NicLast = 100;

    public static int NicBootIndex(bool networkFirst) => networkFirst ? NicFirst : NicLast;

    /// <param name="networkFirst">The order of this start only; after it <see cref="NicPath"/> is set to what the server's own order is.</param>
    public static IReadOnlyList<string> For(VirtualServerSpec spec, VirtualServerFiles files, string tap, Accelerator accelerator, bool networkFirst)
    {
        List<string> command =
        [
            // Stopped until the boot order has been settled; no -no-reboot, a guest's own restart is part of a deploy.
            Program, "-S", "-name", Escape(spec.Name),
            "-accel", accelerator.Arguments, "-cpu", "max", "-smp", $"{spec.Processors}", "-m", $"{spec.MemoryMiB}",
            // Without graphics SeaBIOS, and so iPXE too, talks to the serial line.
            "-machine", $"{spec.MachineType ?? (spec.Firmware == FirmwareMode.Uefi ? "q35" : "pc")},graphics=off",
            "-nodefaults", "-no-user-config", "-display", "none",
            "-uuid", $"{spec.Uuid}",
            "-smbios", $"type=1,manufacturer={Escape(spec.Manufacturer)},product={Escape(spec.Product)},serial={Escape(spec.Serial)},uuid={spec.Uuid}",
            // QEMU connects to us, who already listen: nobody polls for a socket that is not there yet.
            "-chardev", $"socket,id=serial,path={Escape(files.SerialSocket)}", "-serial", "chardev:serial",
            "-chardev", $"socket,id=monitor,path={Escape(files.MonitorSocket)}", "-mon", "chardev=monitor,mode=control",
            "-device", "virtio-rng-pci",
            "-netdev", $"tap,id=net0,ifname={tap},script=no,downscript=no",
            // The empty romfile keeps edk2 on its own PXE; QEMU's ROM would be a second iPXE in its place. Of other cards edk2 has no driver.
            "-device", $"{spec.NetworkCard},id={Nic},netdev=net0,mac={spec.Mac},bootindex={NicBootIndex(networkFirst)}"
                + (spec is { Firmware: FirmwareMode.Uefi, NetworkCard: VirtualServerSpec.VirtioCard } ? ",romfile=" : ""),
        ];
        if (spec.SecondMac is { } second)
        {
            command.AddRange("-netdev", $"tap,id=net1,ifname={SecondTap(tap)},script=no,downscript=no");
            command.AddRange("-device", $"{spec.NetworkCard},id=nic1,netdev=net1,mac={second},romfile=");
        }
        if (spec.Firmware == FirmwareMode.Uefi)
        {
            command.AddRange("-drive", $"if=pflash,format=raw,unit=0,readonly=on,file={Ovmf}OVMF_CODE_4M.fd");
            command.AddRange("-drive", $"if=pflash,format=raw,unit=1,file={Escape(files.FirmwareVariables)}");
        }
        foreach (var (index, disk) in spec.Disks.Index())
        {
            // unmap and no detection of zeroes: BLKZEROOUT punches holes, and written zeros stay written, as on a real disk.
            command.AddRange("-drive", $"if=none,id=drive{index},format=raw,discard=unmap,detect-zeroes=off,{Storage(disk, index, files)}"
                + (disk.WrittenPerSecond is { } most ? $",throttling.bps-write={most}" : ""));
            if (Controller(disk.Bus) is { } controller)
                command.AddRange("-device", $"{controller},id=controller{index}");
            command.AddRange("-device", $"{Drive(disk.Bus, index)},id=disk{index},drive=drive{index},bootindex={DisksFrom + index},"
                + $"serial={Escape(disk.Serial ?? $"{spec.Serial}-{index}")},logical_block_size={disk.SectorBytes},physical_block_size={disk.SectorBytes}");
        }
        if (spec.Kernel is { } kernel)
            command.AddRange("-kernel", kernel.Kernel, "-initrd", kernel.Initrd, "-append", kernel.Append);
        return command;
    }

    // Each disk has a controller of its own; SATA's is part of the machine.
    private static string? Controller(DiskBus bus) => bus switch
    {
        DiskBus.Scsi => "virtio-scsi-pci",
        DiskBus.MegaRaid => "megasas",
        _ => null,
    };

    private static string Drive(DiskBus bus, int index) => bus switch
    {
        DiskBus.Virtio => "virtio-blk-pci",
        DiskBus.Sata => $"ide-hd,bus=ide.{index}",
        DiskBus.Nvme => "nvme",
        _ => $"scsi-hd,bus=controller{index}.0",
    };

    /// <summary>The host's side of the second network interface.</summary>
    public static string SecondTap(string tap) => $"{tap}b";

    private static string Storage(VirtualDisk disk, int index, VirtualServerFiles files) => disk.CacheLossSeed is null
        // Flushes are not passed on: they guard against a crash of the host, which would end the lab anyway.
        ? $"cache=unsafe,file={Escape(files.Disk(index))}"
        : $"cache=writeback,file.driver=nbd,file.server.type=unix,file.server.path={Escape(files.DiskSocket(index))}";

    /// <summary>The variables that OVMF starts with; each server has a copy that it writes to.</summary>
    public static string PristineFirmwareVariables => Ovmf + "OVMF_VARS_4M.fd";

    /// <summary>QEMU's option parser ends a value at a comma, and takes two for one.</summary>
    public static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static void AddRange(this List<string> command, params ReadOnlySpan<string> arguments)
    {
        foreach (var argument in arguments)
            command.Add(argument);
    }
}
