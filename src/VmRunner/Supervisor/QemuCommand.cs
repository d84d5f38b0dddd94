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

    /// <summary>What setpriv runs: QEMU as <see cref="User"/>, with no capability and no way to one.</summary>
    /// <param name="settings">Of the guest.</param>
    /// <param name="overlay">Its disk.</param>
    /// <param name="link">Its card's address.</param>
    /// <param name="tap">Open already.</param>
    /// <param name="sockets">The folder for QEMU's sockets.</param>
    /// <param name="vnc">Where the display listens.</param>
    /// <param name="groups">Those of the devices that it opens.</param>
    public static IReadOnlyList<string> Make(VmSettings settings, string overlay, ContainerLink link, int tap, string sockets, string vnc, IReadOnlyList<int> groups) =>
    [
        "--reuid", Text(User), "--regid", Text(User),
        .. groups.Count > 0 ? ["--groups", string.Join(',', groups.Select(Text))] : new[] { "--clear-groups" },
        "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs",
        Program,
        "-nodefaults", "-no-user-config", "-S",
        // What QEMU asks of the kernel is cut down to what a guest without host devices needs.
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-name", $"guest={Escape(link.HostName)}",
        // RancherVM's images name slots of this machine's only bus.
        "-machine", "pc", "-accel", settings.Accelerator == "kvm" ? "kvm" : "tcg,thread=multi",
        "-cpu", settings.Accelerator == "kvm" ? "host" : "max",
        "-m", Text(settings.MemoryMb), "-smp", Text(settings.Processors),
        "-overcommit", "mem-lock=off",
        "-rtc", settings.Extras.ClockIsLocal ? "base=localtime" : "base=utc",
        .. settings.Extras.BootOrder is { } order ? ["-boot", $"order={order}"] : Array.Empty<string>(),
        "-vga", "std", "-vnc", $"unix:{Escape(vnc)}",
        "-chardev", $"socket,id=serial,path={Escape(Path.Combine(sockets, "serial"))},server=on,wait=off", "-serial", "chardev:serial",
        "-chardev", $"socket,id=qmp,path={Escape(Path.Combine(sockets, "qmp"))},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
        "-drive", $"file={Escape(overlay)},if=none,id=disk0,format=qcow2,cache={settings.Disk.Cache},discard=unmap",
        .. Disk(settings.Disk),
        "-netdev", $"tap,id=net0,fd={tap}",
        "-device", $"{settings.Card.Model},netdev=net0,mac={link.Mac},romfile=,id=card0{Slot(settings.Card.Slot)}",
        .. settings.Extras.HasTablet ? ["-usb", "-device", "usb-tablet"] : Array.Empty<string>(),
        .. settings.Card.Model == GuestCard.Virtio ? ["-device", "virtio-rng-pci"] : Array.Empty<string>(),
    ];

    private static string[] Disk(GuestDisk disk) => disk.Model switch
    {
        GuestDisk.Virtio => ["-device", $"virtio-blk-pci,drive=disk0,id=virtio-disk0,bootindex=1{Slot(disk.Slot)}"],
        GuestDisk.Scsi => ["-device", "virtio-scsi-pci,id=scsi0", "-device", "scsi-hd,bus=scsi0.0,drive=disk0,bootindex=1"],
        _ => ["-device", $"{disk.Model},bus=ide.0,unit=0,drive=disk0,bootindex=1"],
    };

    private static string Slot(int? slot) => slot is { } number && number >= FirstFreeSlot ? $",bus=pci.0,addr=0x{number:x}" : "";

    // A comma in a value is written twice (QEMU's own rule).
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
