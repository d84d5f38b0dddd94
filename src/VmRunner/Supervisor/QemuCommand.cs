using System.Globalization;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>The one QEMU of the container, without a privilege that it can do without.</summary>
internal static class QemuCommand
{
    public const string Program = "qemu-system-x86_64";

    /// <summary>The user and group "nobody" would be everybody's; 107 is who may read KubeVirt's disks.</summary>
    public const int User = 107;

    // The first that the machine itself does not take: 0 to 2 are its bridges and the display.
    private const int FirstFreeSlot = 3;

    // QEMU's letters, when nobody says otherwise. A disk without a boot loader is passed over by the firmware, so that a blank one boots the CD.
    private const string UsualBootOrder = "cd";

    /// <summary>What setpriv is told so that a program runs as <see cref="User"/>, with no capability and no way to one.</summary>
    public static IReadOnlyList<string> Unprivileged(IReadOnlyList<int> groups) =>
    [
        "--reuid", Text(User), "--regid", Text(User),
        .. groups.Count > 0 ? ["--groups", string.Join(',', groups.Select(Text))] : new[] { "--clear-groups" },
        "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs",
    ];

    /// <summary>Makes files <see cref="User"/>'s; their group too.</summary>
    public static void Own(params string[] paths) => Tools.Run("chown", [$"{User}:{User}", .. paths]);

    /// <summary>What setpriv runs.</summary>
    public static IReadOnlyList<string> Make(VmSettings settings, GuestParts parts, ContainerLink link) =>
    [
        .. Unprivileged(parts.Groups),
        Program,
        "-nodefaults", "-no-user-config", "-S",
        // What QEMU asks of the kernel is cut down to what a guest without host devices needs.
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-name", $"guest={Escape(link.HostName)}",
        // RancherVM's images name slots of this machine's only bus.
        "-machine", "pc", "-accel", settings.Accelerator == "kvm" ? "kvm" : $"tcg,thread=multi,tb-size={GuestMemory.TranslatedMiB}",
        "-cpu", settings.Accelerator == "kvm" ? "host" : "max",
        "-m", Text(settings.MemoryMb), "-smp", Text(settings.Processors),
        "-overcommit", "mem-lock=off",
        "-rtc", settings.Extras.ClockIsLocal ? "base=localtime" : "base=utc",
        "-vga", "std", "-vnc", $"unix:{Escape(parts.Display)}",
        "-chardev", $"socket,id=serial,path={Escape(Path.Combine(parts.Sockets, "serial"))},server=on,wait=off", "-serial", "chardev:serial",
        "-chardev", $"socket,id=qmp,path={Escape(Path.Combine(parts.Sockets, "qmp"))},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
        .. settings.Disk.Model == GuestDisk.Scsi ? ["-device", "virtio-scsi-pci,id=scsi0"] : Array.Empty<string>(),
        "-drive", $"file={Escape(parts.Disk)},if=none,id=disk0,format=qcow2,cache={settings.Disk.Cache},discard=unmap",
        .. Disk(settings),
        .. parts.ConfigDrive is { } drive ? ConfigDrive(settings.Disk, drive) : [],
        .. parts.Discs.SelectMany((disc, number) => Disc(settings, disc, number)),
        "-netdev", $"tap,id=net0,fd={parts.Tap}",
        "-device", $"{settings.Card.Model},netdev=net0,mac={link.Mac},romfile=,id=card0{Slot(settings.Card.Slot)}",
        .. settings.Extras.HasTablet ? ["-usb", "-device", "usb-tablet"] : Array.Empty<string>(),
        .. settings.Card.Model == GuestCard.Virtio ? ["-device", "virtio-rng-pci"] : Array.Empty<string>(),
    ];

    private static string[] Disk(VmSettings settings)
    {
        var first = $"drive=disk0,bootindex={BootIndex(settings, 'c')}";
        return settings.Disk.Model switch
        {
            GuestDisk.Virtio => ["-device", $"virtio-blk-pci,id=virtio-disk0,{first}{Slot(settings.Disk.Slot)}"],
            GuestDisk.Scsi => ["-device", $"scsi-hd,bus=scsi0.0,{first}"],
            _ => ["-device", $"{settings.Disk.Model},bus=ide.0,unit=0,{first}"],
        };
    }

    // Of the kind that the guest has a driver for. An IDE disk is never read-only; this one is made anew at each start.
    private static string[] ConfigDrive(GuestDisk disk, string path) =>
    [
        "-drive", $"file={Escape(path)},if=none,id=config,format=raw,readonly={(disk.Model == GuestDisk.Ide ? "off" : "on")}",
        "-device", disk.Model switch
        {
            GuestDisk.Virtio => "virtio-blk-pci,drive=config",
            GuestDisk.Scsi => "scsi-hd,bus=scsi0.0,drive=config",
            _ => $"{disk.Model},bus=ide.0,unit=1,drive=config",
        },
    ];

    // On the IDE channel that the disk does not use: every installer has a driver for that.
    private static string[] Disc(VmSettings settings, string path, int number) =>
    [
        "-drive", $"file={Escape(path)},if=none,id=disc{number},format=raw,media=cdrom,readonly=on",
        "-device", $"ide-cd,bus=ide.1,unit={number},drive=disc{number}{(number == 0 ? $",bootindex={BootIndex(settings, 'd')}" : "")}",
    ];

    // QEMU heeds -boot no longer where a device has a place of its own in the order.
    private static int BootIndex(VmSettings settings, char letter) => (settings.Extras.BootOrder + UsualBootOrder).IndexOf(letter, StringComparison.Ordinal) + 1;

    private static string Slot(int? slot) => slot is { } number && number >= FirstFreeSlot ? $",bus=pci.0,addr=0x{number:x}" : "";

    // A comma in a value is written twice (QEMU's own rule).
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
