using Baremetal.Lab;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>Emulated hardware boots: a guest with real drivers finds its disk and is found on the network.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class HardwareTests(VmHost host) : VmTests(host)
{
    [Theory]
    [InlineData("-drive file=$KVM_IMAGE,if=none,id=d -device ide-hd,drive=d,bus=pci.0", "/sys/block/sda/device/vendor", "ATA", "e1000", "e1000")]
    [InlineData("-drive file=$KVM_IMAGE,if=none,id=d -device scsi-hd,drive=d", "/sys/block/sda/device/vendor", "QEMU", "rtl8139", "8139cp")]
    [InlineData("-drive file=$KVM_IMAGE,if=virtio,cache=none", "/sys/block/vda/ro", "0", "pcnet", "pcnet32")]
    [InlineData("-hda $KVM_IMAGE", "/sys/block/sda/device/vendor", "ATA", "ne2k_pci", "ne2k-pci")]
    [InlineData("-hda $KVM_IMAGE", "/sys/block/sda/device/vendor", "ATA", "vmxnet3", "vmxnet3")]
    public async Task Run_ByTheImagesOptions_BootsWithThatHardware(string disk, string file, string content, string card, string driver)
    {
        var image = await Host.BuildAsync($"FROM {VmHost.Base}\nCOPY tiny-server.qcow2 /disk/tiny.qcow2\n", BuildOutputs.TinyServerImage);

        var vm = await Host.RunAsync(image, ["-e", "VM_CONFIG_DRIVE=yes", "-e", $"KVM_BLK_OPTS={disk}", "-e", $"KVM_NET_OPTS=-netdev bridge,br=$BRIDGE_IFACE,id=n -device {card},netdev=n,mac=$MAC"]);

        var line = await vm.ReadyAsync();
        Assert.Contains($" ip={vm.Address} ", line, StringComparison.Ordinal);
        // On a drive of the same kind.
        Assert.Contains($"host={vm.Name} seed=configdrive", line, StringComparison.Ordinal);
        Assert.Equal(content, await vm.ShellAsync($"cat {file}"));
        Assert.Equal(driver, await vm.ShellAsync("basename $(readlink -f /sys/class/net/eth0/device/driver)"));
    }
}
