using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>A root file system, a kernel and a ramdisk, signed, deployed, and booted by the firmware of both kinds.</summary>
public sealed class PartitionImageTests : SiteTests
{
    private const int SwapMiB = 64;

    private static readonly TimeSpan BootBound = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Deploy_PartitionImageToBiosAndUefi_BootsTheSignedKernelWithTheDisksOwnRootByKexecAndByFirmware()
    {
        var site = await OpenAsync(BuildOutputs.TinyRoot, boot: new BootFiles(BuildOutputs.TinyRootKernel, BuildOutputs.TinyRootRamdisk, $"{LabConductorSettings.VirtualKernelArguments} quiet panic=10"));

        var (bios, uefi) = (await site.AddServerAsync(FirmwareMode.Bios), await site.AddServerAsync(FirmwareMode.Uefi));

        var ids = await Task.WhenAll(DeployAsync(site, bios), DeployAsync(site, uefi));

        // One image, and no two disks of it that a kernel could take for each other.
        Assert.NotEqual(ids[0], ids[1]);
    }

    private static async Task<Guid> DeployAsync(Site site, VirtualServer server)
    {
        await site.MakeAvailableAsync(server);
        var (since, resets) = (server.Serial.Mark, Resets(server));

        await site.AssertFinishesAsync(server, await site.DeployAsync(server, "--swap", $"{SwapMiB}MiB", "--kexec"));

        var root = IdOnDisk(server, 3);
        await AssertIsReadyAsync(server, root, since);
        Assert.Equal(resets, Resets(server));

        // The firmware finds the same kernel.
        since = server.Serial.Mark;
        await server.PowerOffAsync(TestContext.Current.CancellationToken);
        await server.PowerOnAsync(TestContext.Current.CancellationToken);
        await AssertIsReadyAsync(server, root, since);
        return root;
    }

    private static async Task AssertIsReadyAsync(VirtualServer server, Guid root, long since)
    {
        var ready = await server.Serial.WaitForLineAsync("TINY-READY", BootBound, since, TestContext.Current.CancellationToken);
        Assert.Contains($"fw={server.Spec.Firmware.ToString().ToLowerInvariant()} root=PARTUUID={root}", ready, StringComparison.Ordinal);
    }

    // As often as the machine restarted itself.
    private static int Resets(VirtualServer server) => File.ReadLines(server.Events.Path).Count(line => line.StartsWith("RESET", StringComparison.Ordinal) && line.Contains("\"guest\":true", StringComparison.Ordinal));

    // UEFI 2.10, table 5.6: the entry's own GUID lies 16 bytes into it; the entries begin at the third sector.
    private static Guid IdOnDisk(VirtualServer server, int number) => new(Site.Bytes(server.DiskPath(), (2 * 512) + ((number - 1) * 128) + 16, 16));
}
