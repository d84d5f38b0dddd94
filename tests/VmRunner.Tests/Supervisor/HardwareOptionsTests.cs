using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

public sealed class HardwareOptionsTests
{
    private const string Documented =
        "-drive file=$KVM_IMAGE,if=none,id=drive-disk0,format=qcow2 -device virtio-blk-pci,scsi=off,bus=pci.0,addr=0x6,drive=drive-disk0,id=virtio-disk0,bootindex=1";

    [Theory]
    [InlineData(Documented, "virtio-blk-pci", "writeback", 6)]
    [InlineData(@"-drive file=\$KVM_IMAGE,if=none,id=drive-disk0,format=qcow2 -device ide-hd,scsi=off,bus=pci.0,addr=0x6,drive=drive-disk0,id=ide-disk0,bootindex=1", "ide-hd", "writeback", null)]
    [InlineData("-hda $KVM_IMAGE", "ide-hd", "writeback", null)]
    [InlineData("-drive file=$KVM_IMAGE,if=virtio,cache=none", "virtio-blk-pci", "none", null)]
    [InlineData("-drive file=$KVM_IMAGE", "ide-hd", "writeback", null)]
    [InlineData("-drive file=$KVM_IMAGE,if=none,id=d -device scsi-hd,drive=d", "scsi-hd", "writeback", null)]
    public void Disk_AsRancherVmHasIt_IsUnderstood(string text, string model, string cache, int? slot)
    {
        Assert.True(HardwareOptions.TryReadDisk(text, out var disk, out var refusal), refusal);
        Assert.Equal(new GuestDisk(model, cache, slot), disk);
    }

    [Theory]
    [InlineData("-drive file=/etc/shadow,format=raw", "has file '/etc/shadow'; it must be $KVM_IMAGE")]
    [InlineData("-drive file=$KVM_IMAGE,file=/etc/shadow", "says file twice")]
    [InlineData("-drive file=$KVM_IMAGE,,x", "has '' where KEY=VALUE should stand")]
    [InlineData("-drive file=$(id)", "has a (, which only a shell would understand; there is none")]
    [InlineData("-drive file=`id`", "has a `, which only a shell would understand; there is none")]
    [InlineData("-drive file=$HOME/x", "has '$HOME/x'; only $KVM_IMAGE, $BRIDGE_IFACE and $MAC are put in")]
    [InlineData("-drive file=$KVM_IMAGE,backing.file=/etc/shadow", "has 'backing.file' in -drive; there are file, if, id, format, cache, media, index")]
    [InlineData("-drive file=$KVM_IMAGE,if=none -device vfio-pci,host=00:02.0", "has -device 'vfio-pci'; there are virtio-blk-pci, virtio-blk, ide-hd, ide-drive, scsi-hd, scsi-disk")]
    [InlineData("-drive file=$KVM_IMAGE,if=none -device virtio-blk-pci,addr=0x1", "has addr=0x1; a slot is 0x3 to 0x1f")]
    [InlineData("-drive file=$KVM_IMAGE -monitor stdio", "has -monitor stdio; a disk is said by -drive, -device and -hda")]
    [InlineData("-drive file=$KVM_IMAGE -drive file=$KVM_IMAGE", "names the disk more than once")]
    [InlineData("-device virtio-blk-pci,drive=d", "names no disk: file=$KVM_IMAGE is missing")]
    [InlineData("virtio", "has 'virtio' where an option should stand")]
    [InlineData("-drive file=$KVM_IMAGE,cache=yes", "has cache=yes; there are writeback, none, writethrough, directsync, unsafe")]
    [InlineData("-drive file=$KVM_IMAGE,media=cdrom", "has media=cdrom; it is the guest's disk")]
    [InlineData("-drive file=$KVM_IMAGE,id=\u00e9", "has a character that is not printable ASCII")]
    public void Disk_AnythingElse_IsRefusedByName(string text, string why)
    {
        Assert.False(HardwareOptions.TryReadDisk(text, out _, out var refusal));
        Assert.Equal(why, refusal);
    }

    [Theory]
    [InlineData("-netdev bridge,br=$BRIDGE_IFACE,id=net0 -device virtio-net-pci,netdev=net0,mac=$MAC", "virtio-net-pci", null)]
    [InlineData(@"-netdev bridge,br=\$BRIDGE_IFACE,id=net0 -device e1000,netdev=net0,mac=\$MAC,addr=8", "e1000", 8)]
    [InlineData("-netdev bridge,br=$BRIDGE_IFACE,id=net0 -device rtl8139,netdev=net0,mac=$MAC", "rtl8139", null)]
    public void Card_AsRancherVmHasIt_IsUnderstood(string text, string model, int? slot)
    {
        Assert.True(HardwareOptions.TryReadCard(text, out var card, out var refusal), refusal);
        Assert.Equal(new GuestCard(model, slot), card);
    }

    [Theory]
    [InlineData("-netdev user,id=net0,guestfwd=tcp:10.0.2.4:80-cmd:id -device e1000,netdev=net0,mac=$MAC", "has -netdev user,id=net0,guestfwd=tcp:10.0.2.4:80-cmd:id; the guest has one card, on 'bridge'")]
    [InlineData("-netdev bridge,br=docker0,id=net0 -device e1000,netdev=net0,mac=$MAC", "has br 'docker0'; it must be $BRIDGE_IFACE")]
    [InlineData("-netdev bridge,br=$BRIDGE_IFACE,helper=/bin/sh -device e1000,netdev=net0,mac=$MAC", "has 'helper' in -netdev; there are br, id")]
    [InlineData("-netdev bridge,br=$BRIDGE_IFACE,id=net0 -device e1000,netdev=net0,mac=52:54:00:00:00:01", "has mac '52:54:00:00:00:01'; it must be $MAC")]
    [InlineData("-netdev bridge,br=$BRIDGE_IFACE,id=net0 -device e1000,netdev=net0,mac=$MAC,romfile=/etc/shadow", "has 'romfile' in -device; there are netdev, mac, id, bus, addr, bootindex")]
    [InlineData("-device e1000,netdev=net0,mac=$MAC", "needs -netdev bridge,br=$BRIDGE_IFACE,id=ID and -device MODEL,netdev=ID,mac=$MAC")]
    public void Card_AnythingElse_IsRefusedByName(string text, string why)
    {
        Assert.False(HardwareOptions.TryReadCard(text, out _, out var refusal));
        Assert.Equal(why, refusal);
    }

    [Fact]
    public void Arguments_Allowed_AreUnderstood()
    {
        Assert.True(HardwareOptions.TryReadExtras(["-realtime", "mlock=off", "-usb -usbdevice", "tablet", "-boot", "order=dc", "-rtc", "base=localtime"], out var extras, out var refusal), refusal);
        Assert.Equal(new GuestExtras(HasTablet: true, "dc", ClockIsLocal: true), extras);
    }

    [Theory]
    [InlineData("-m 64g", "has -m 64g; memory and processors are set by MEMORY_MB and CPUS, which the container is measured by")]
    [InlineData("-smp 4", "has -smp 4; memory and processors are set by MEMORY_MB and CPUS, which the container is measured by")]
    [InlineData("-monitor tcp:0.0.0.0:4444,server", "has -monitor tcp:0.0.0.0:4444,server; there are -boot order=acd, -rtc base=utc or localtime, -usbdevice tablet, -realtime mlock=off")]
    [InlineData("--daemonize", "has '--daemonize' where an option should stand")]
    [InlineData("-boot order=n", "has -boot order=n; there are -boot order=acd, -rtc base=utc or localtime, -usbdevice tablet, -realtime mlock=off")]
    [InlineData("-boot order=cc", "has -boot order=cc; there are -boot order=acd, -rtc base=utc or localtime, -usbdevice tablet, -realtime mlock=off")]
    public void Arguments_AnythingElse_AreRefusedByName(string text, string why)
    {
        Assert.False(HardwareOptions.TryReadExtras([text], out _, out var refusal));
        Assert.Equal(why, refusal);
    }
}
