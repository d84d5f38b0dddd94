using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>The ramdisk for real servers, on hardware that the one for virtual servers has no drivers for.</summary>
public sealed class ServerHardwareTests : SiteTests
{
    private const string SataSerial = "SATA-0001";

    private static readonly LabConductorSettings ServerRamdisk = new() { RamdiskDirectory = BuildOutputs.ServerRamdisk };

    private static readonly TimeSpan BootBound = TimeSpan.FromMinutes(5);

    // A SATA disk, and beside it one of each controller that QEMU plays; one of 4096-byte sectors among them.
    private static readonly VirtualDisk[] Disks =
    [
        new(1L << 30, SataSerial, Bus: DiskBus.Sata),
        new(2L << 30, "NVME-4KN", SectorBytes: 4096, Bus: DiskBus.Nvme),
        new(3L << 30, "SCSI-4KN", SectorBytes: 4096, Bus: DiskBus.Scsi),
        new(4L << 30, "RAID-0001", Bus: DiskBus.MegaRaid),
    ];

    [Fact]
    public async Task Deploy_ToTheSataDiskOfAServerWithFourControllers_FindsAllAndBootsThatOne()
    {
        var site = await OpenAsync(BuildOutputs.TinyServerImage, ServerRamdisk);
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios, RealServer);

        var inventory = (await site.NodeAsync(server)).Inventory!;
        Assert.Equal(
            [(SataSerial, "sata", 1L << 30, 512), ("NVME-4KN", "nvme", 2L << 30, 4096), ("SCSI-4KN", "scsi", 3L << 30, 4096), ("RAID-0001", "scsi", 4L << 30, 512)],
            inventory.Disks.OrderBy(disk => disk.SizeBytes).Select(disk => (disk.Serial!, disk.Bus!, disk.SizeBytes, disk.LogicalSectorBytes)));
        var card = Assert.Single(inventory.NetworkInterfaces);
        Assert.Equal(("e1000e", true, true, 1000), (card.Driver, card.Boot, card.Carrier, card.SpeedMbit));

        var ambiguous = await site.Conductor.TryRunAsync(["deploy", server.Spec.Name, "--image", site.Image.Name], cancellationToken: TestContext.Current.CancellationToken);
        Assert.NotEqual(0, ambiguous.ExitCode);
        Assert.All(Disks, disk => Assert.Contains(disk.Serial!, ambiguous.Output, StringComparison.Ordinal));

        await site.AssertFinishesAsync(server, await site.DeployAsync(server, "--root-device", $"serial={SataSerial}"));
        Assert.All(Enumerable.Range(1, Disks.Length - 1), other =>
            Assert.False(Site.Bytes(server.DiskPath(other), 0, 1 << 20).AsSpan().ContainsAnyExcept((byte)0), $"Disk {other} was written to."));
    }

    [Fact]
    public async Task Inspect_NoLinkAtFirstAndThenAPortThatIsShut_SaysSoAndGoesOnWhenItOpens()
    {
        var cancel = TestContext.Current.CancellationToken;
        var site = await OpenAsync(BuildOutputs.TinyServerImage, ServerRamdisk);
        var server = await site.AddServerAsync(FirmwareMode.Bios, RealServer);

        var job = await site.StartAsync("node", "inspect", server.Spec.Name);
        await server.Serial.WaitForLineAsync("Linux version", BootBound, cancellationToken: cancel);
        await server.SetLinkAsync(up: false, cancel);
        await server.Serial.WaitForLineAsync("has no link: is its cable plugged in", BootBound, cancellationToken: cancel);
        // As behind a switch with spanning tree: a link, and nothing goes through.
        await server.UnplugAsync(cancel);
        await server.SetLinkAsync(up: true, cancel);
        await server.Serial.WaitForLineAsync($"Asking for an address by DHCP on eth0 ({server.Spec.Mac}, 1000 Mbit/s)", BootBound, cancellationToken: cancel);
        await server.Serial.WaitForLineAsync("No DHCP server has answered on eth0", BootBound, cancellationToken: cancel);
        await server.PlugInAsync(cancel);

        var inspected = await site.EndOf(job);
        Assert.True(inspected.Outcome == JobOutcome.Done, site.Explain(inspected));
        Assert.Equal(1, inspected.Attempt);
    }

    private static VirtualServerSpec RealServer(VirtualServerSpec spec) => spec with { MachineType = "q35", NetworkCard = "e1000e", Disks = Disks };
}
