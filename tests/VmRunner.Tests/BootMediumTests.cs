using Baremetal.Lab;
using Baremetal.VmRunner.Supervisor;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>ISO images: what is booted from them, and when.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class BootMediumTests(VmHost host) : VmTests(host)
{
    [Fact]
    public async Task BootIso_BesideABlankDisk_IsBooted()
    {
        var vm = await Host.RunAsync(await BlankAsync(), ["-v", $"{await DiscsAsync()}:/iso:ro"]);

        Assert.Equal(ExitCodes.Done, await vm.ExitCodeAsync());
        Assert.Contains(BootDisc.Says, await vm.ConsoleAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BootIso_BesideADiskThatBoots_IsThereForTheGuest()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{await DiscsAsync()}:/iso:ro"]);

        await vm.ReadyAsync();

        Assert.Equal("eltorito.img\ngrub.cfg", await vm.ShellAsync("mount -t iso9660 -o ro /dev/sr0 /mnt && ls -1 /mnt/boot/grub && umount /mnt"));
        Assert.Equal("driver", await vm.ShellAsync("mount -t iso9660 -o ro /dev/sr1 /mnt && cat /mnt/driver.inf && umount /mnt"));
        Assert.NotEqual(0, (await vm.TryShellAsync("dd if=/dev/zero of=/dev/sr0 count=1")).ExitCode);
    }

    [Fact]
    public async Task BootIso_FirstInTheOrder_IsBootedBeforeTheDisk()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{await DiscsAsync()}:/iso:ro"], "-boot", "order=dc");

        Assert.Equal(ExitCodes.Done, await vm.ExitCodeAsync());
        Assert.Contains(BootDisc.Says, await vm.ConsoleAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_ThatIsAnIso_IsBootedBesideAnEmptyDiskOfTheSizeAsked()
    {
        var vm = await Host.RunAsync(await IsoImageAsync(), ["-e", "VM_DISK_GB=3"]);

        Assert.Equal(ExitCodes.Done, await vm.ExitCodeAsync());
        Assert.Contains(BootDisc.Says, await vm.ConsoleAsync(), StringComparison.Ordinal);
        Assert.Contains("(3221225472 bytes)", await Host.InsideAsync("qemu-img", "info", Path.Combine(await vm.VolumeAsync(), "sda.qcow2")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_ThatIsAnIso_WithoutASizeIsRefused()
    {
        var vm = await Host.RunAsync(await IsoImageAsync(), []);

        Assert.Equal(ExitCodes.NoDisk, await vm.ExitCodeAsync());
        Assert.Contains("The image's disk is an ISO, which is booted to install to another one: it needs that one's size", await vm.LogsAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_ThatIsAnIso_BesideABootIsoIsRefused()
    {
        var vm = await Host.RunAsync(await IsoImageAsync(), ["-e", "VM_DISK_GB=3", "-v", $"{await DiscsAsync()}:/iso:ro"]);

        Assert.Equal(ExitCodes.NoDisk, await vm.ExitCodeAsync());
        Assert.Contains("The image's disk is an ISO and there is /iso/boot.iso, too; one of them can be booted.", await vm.LogsAsync(), StringComparison.Ordinal);
    }

    private async Task<string> BlankAsync()
    {
        var blank = Path.Combine(Host.Folder, "blank.raw");
        await File.WriteAllBytesAsync(blank, new byte[1 << 20], TestContext.Current.CancellationToken);
        return await Host.BuildAsync($"FROM {VmHost.Base}\nCOPY blank.raw /disk/blank.raw\n", blank);
    }

    private async Task<string> IsoImageAsync() => await Host.BuildAsync($"FROM {VmHost.Base}\nCOPY boot.iso /base_image/boot.iso\n", await BootDisc.MakeAsync(Host.Folder));

    private async Task<string> DiscsAsync()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Host.Folder, "discs")).FullName;
        File.Copy(await BootDisc.MakeAsync(Host.Folder), Path.Combine(folder, "boot.iso"), overwrite: true);
        var drivers = Directory.CreateDirectory(Path.Combine(Host.Folder, "drivers")).FullName;
        await File.WriteAllTextAsync(Path.Combine(drivers, "driver.inf"), "driver\n", TestContext.Current.CancellationToken);
        await Tool.RunAsync("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-o", Path.Combine(folder, "drivers.iso"), drivers], null, TestContext.Current.CancellationToken);
        return folder;
    }
}
