using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>Disks that erase themselves, and such as cannot, by the commands of a real kernel to QEMU's controllers.</summary>
public sealed class SecureEraseTests : SiteTests
{
    // QEMU's NVMe controller has Format NVM; its SATA disk has neither security nor SANITIZE DEVICE, its SCSI disk no SANITIZE.
    private static readonly VirtualDisk[] Disks =
    [
        new(1L << 30, "SATA-0001", Bus: DiskBus.Sata),
        new(1L << 30, "NVME-4KN", SectorBytes: 4096, Bus: DiskBus.Nvme),
        new(1L << 30, "SCSI-4KN", SectorBytes: 4096, Bus: DiskBus.Scsi),
    ];

    private static readonly long[] Places = [0, 300 << 20, (1 << 30) - (1 << 20)];

    [Fact]
    public async Task Clean_SecureElseZero_FormatsTheNvmeDiskAndZeroesTheOthers()
    {
        var site = await OpenAsync(BuildOutputs.TinyServerImage, new LabConductorSettings { RamdiskDirectory = BuildOutputs.ServerRamdisk });
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios, spec => spec with { MachineType = "q35", NetworkCard = "e1000e", Disks = Disks });
        for (var disk = 0; disk < Disks.Length; disk++)
            WriteNoise(server.DiskPath(disk));

        var alone = await site.EndOf(await site.StartAsync("node", "clean", server.Spec.Name, "--depth", "secure"));

        Assert.Equal(JobOutcome.Failed, alone.Outcome);
        Assert.Contains("2 of 3 disks were not erased whole", alone.Cause, StringComparison.Ordinal);
        Assert.Equal(
            [("NVME-4KN", "nvme-format-user-data"), ("SATA-0001", null), ("SCSI-4KN", null)],
            alone.Cleaning!.Report!.OrderBy(disk => disk.Serial, StringComparer.Ordinal).Select(disk => (disk.Serial, disk.Method)));
        Assert.Contains("neither SANITIZE DEVICE nor ATA security", alone.Cause, StringComparison.Ordinal);
        Assert.Contains("SANITIZE is refused (it has no such command)", alone.Cause, StringComparison.Ordinal);
        Assert.True(IsErased(server.DiskPath(1)), "The NVMe disk still holds what was on it.");
        Assert.False(IsErased(server.DiskPath(0)) || IsErased(server.DiskPath(2)), "A disk that cannot erase itself was erased.");

        await site.Conductor.RunAsync(["node", "approve", server.Spec.Name], TestContext.Current.CancellationToken);
        WriteNoise(server.DiskPath(1));
        var cleaned = await site.EndOf(await site.StartAsync("node", "clean", server.Spec.Name, "--depth", "secure,zero"));

        Assert.True(cleaned.Outcome == JobOutcome.Done, site.Explain(cleaned));
        Assert.Equal(
            [("NVME-4KN", "nvme-format-user-data", true), ("SATA-0001", "zero", true), ("SCSI-4KN", "zero", true)],
            cleaned.Cleaning!.Report!.OrderBy(disk => disk.Serial, StringComparer.Ordinal).Select(disk => (disk.Serial, disk.Method, disk.ErasedBytes == disk.SizeBytes)));
        Assert.All(Enumerable.Range(0, Disks.Length), disk => Assert.True(IsErased(server.DiskPath(disk)), $"Disk {disk} still holds what was on it."));
    }

    // Beside the machine, which has nothing of its disks in a cache: the agent reads past it.
    private static void WriteNoise(string path)
    {
        var noise = new byte[1 << 20];
        using var disk = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        foreach (var place in Places)
        {
            new Random((int)(place >> 20)).NextBytes(noise);
            disk.Position = place;
            disk.Write(noise);
        }
    }

    private static bool IsErased(string path) => Places.All(place => !Site.Bytes(path, place, 1 << 20).AsSpan().ContainsAnyExcept((byte)0));
}
