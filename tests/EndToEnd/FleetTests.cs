using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>Four servers of one site at once: both firmwares, disks on three buses, either boot order; one of them with controllers that only the ramdisk for real servers has drivers for.</summary>
public sealed class FleetTests : SiteTests
{
    private const string Serial = "SYSTEM";

    // Four emulated servers share this machine, and firmware tries the network by four protocols before it gives up.
    private static readonly TimeSpan BootBound = TimeSpan.FromMinutes(20);

    // A SATA disk, and beside it one of each controller that QEMU plays; two of 4096-byte sectors among them.
    private static readonly VirtualDisk[] FourControllers =
    [
        new(1L << 30, Serial, Bus: DiskBus.Sata),
        new(2L << 30, "NVME-4KN", SectorBytes: 4096, Bus: DiskBus.Nvme),
        new(3L << 30, "SCSI-4KN", SectorBytes: 4096, Bus: DiskBus.Scsi),
        new(4L << 30, "RAID-0001", Bus: DiskBus.MegaRaid),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deploy_FourServersAtOnceAndALaterReleaseOverIt_FetchesTheDifferenceAndBootsWithoutTheConductor()
    {
        var site = await OpenAsync(BuildOutputs.TinyServerImage, new LabConductorSettings { RamdiskDirectory = BuildOutputs.ServerRamdisk });
        var real = await site.AddServerAsync(FirmwareMode.Bios, spec => spec with { NetworkFirst = true, Processors = 2, MachineType = "q35", NetworkCard = "e1000e", Disks = FourControllers });
        VirtualServer[] servers =
        [
            real,
            await site.AddServerAsync(FirmwareMode.Bios, spec => spec with { Disks = [new(Serial: Serial)] }),
            await site.AddServerAsync(FirmwareMode.Uefi, spec => spec with { NetworkFirst = true, Disks = [new(Serial: Serial, Bus: DiskBus.Nvme)] }),
            await site.AddServerAsync(FirmwareMode.Uefi, spec => spec with { Disks = [new(Serial: Serial)] }),
        ];
        await Task.WhenAll(servers.Select(site.MakeAvailableAsync));
        await AssertAllIsFoundAsync(site, real);

        var first = await Task.WhenAll(servers.Select(server => DeployAsync(site, server, release: 1)));
        await LaterRelease.AddAsync(site);
        await site.Conductor.ReviseTrustAsync(site.Image.KeyFolder, ["--min-release", $"{site.Image.Name}=2"], Cancel);
        await AssertOlderReleaseIsRefusedAsync(site, real);
        var second = await Task.WhenAll(servers.Select(server => DeployAsync(site, server, release: 2)));

        var image = new FileInfo(BuildOutputs.TinyServerRawImage).Length;
        Assert.All(first, result => Assert.Equal(0, result.ReusedBytes));
        Assert.All(second, result => Assert.InRange(result.ReusedBytes, image * 3 / 4, image));
        Assert.All(first.Zip(second), results => Assert.InRange(results.Second.WireBytes, 1, results.First.WireBytes / 4));
        Assert.All(Enumerable.Range(1, FourControllers.Length - 1), other =>
            Assert.False(Site.Bytes(real.DiskPath(other), 0, 1 << 20).AsSpan().ContainsAnyExcept((byte)0), $"Disk {other} was written to."));

        await site.Conductor.StopAsync(Cancel);
        await Task.WhenAll(servers.Select(AssertBootsItsDiskAsync));
    }

    private static async Task AssertAllIsFoundAsync(Site site, VirtualServer real)
    {
        var inventory = (await site.NodeAsync(real)).Inventory!;
        Assert.Equal(
            [(Serial, "sata", 1L << 30, 512), ("NVME-4KN", "nvme", 2L << 30, 4096), ("SCSI-4KN", "scsi", 3L << 30, 4096), ("RAID-0001", "scsi", 4L << 30, 512)],
            inventory.Disks.OrderBy(disk => disk.SizeBytes).Select(disk => (disk.Serial!, disk.Bus!, disk.SizeBytes, disk.LogicalSectorBytes)));
        var card = Assert.Single(inventory.NetworkInterfaces);
        Assert.Equal(("e1000e", true, true, 1000), (card.Driver, card.Boot, card.Carrier, card.SpeedMbit));

        var ambiguous = await site.Conductor.TryRunAsync(["deploy", real.Spec.Name, "--image", site.Image.Name], cancellationToken: Cancel);
        Assert.NotEqual(0, ambiguous.ExitCode);
        Assert.All(FourControllers, disk => Assert.Contains(disk.Serial!, ambiguous.Output, StringComparison.Ordinal));
    }

    private static async Task<WriteResult> DeployAsync(Site site, VirtualServer server, int release)
    {
        var since = server.Serial.Mark;
        var job = await site.StartAsync("deploy", server.Spec.Name, "--image", $"{site.Image.Name}:{release}", "--hostname", server.Spec.Name, "--root-device", $"serial={Serial}");
        var finished = await site.AssertFinishesAsync(server, job);
        Assert.EndsWith($" release={release}", await server.Serial.WaitForLineAsync("TINY-READY", BootBound, since, Cancel), StringComparison.Ordinal);
        return finished.Result!;
    }

    private static async Task AssertOlderReleaseIsRefusedAsync(Site site, VirtualServer server)
    {
        var refused = await site.Conductor.TryRunAsync(["deploy", server.Spec.Name, "--image", $"{site.Image.Name}:1", "--root-device", $"serial={Serial}"], cancellationToken: Cancel);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("is release 1; the trust document demands 2 or later", refused.Output, StringComparison.Ordinal);
        Assert.Equal(NodeState.Active, (await site.NodeAsync(server)).State);
    }

    private static async Task AssertBootsItsDiskAsync(VirtualServer server)
    {
        var (said, happened) = (server.Serial.Mark, server.Events.Mark);

        await server.PowerCycleAsync(Cancel);

        var ready = await server.Serial.WaitForLineAsync("TINY-READY", BootBound, said, Cancel);
        Assert.EndsWith(" release=2", ready, StringComparison.Ordinal);
        // Nobody answered its questions either.
        Assert.Contains(" ip=none ", ready, StringComparison.Ordinal);
        await server.Events.WaitForLineAsync(server.Spec.NetworkFirst ? "power-on, network first" : "power-on, disk first", BootBound, happened, Cancel);
    }
}
