using Baremetal.Api;
using Baremetal.DeployAgent.RootDevice;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests.RootDevice;

/// <summary>Which disk an order means, on a machine with seven candidates of which two are one.</summary>
public sealed class TargetChoiceTests : IDisposable
{
    private const long NvmeBytes = 1875385008L * 512;
    private const long LunBytes = 209715200L * 512;
    private readonly MachineTree _tree = new("nvme-sata-san");

    public void Dispose() => _tree.Dispose();

    [Theory]
    [InlineData("nvme0n1", NvmeBytes, 4096, "eui.36344730529002430025384500000001", null, null)]
    [InlineData("nvme0n1", NvmeBytes, 4096, null, "S437NA0M100243", null)]
    [InlineData("nvme0n1", NvmeBytes, 4096, null, null, "pci-0000:3b:00.0-nvme-1")]
    [InlineData("nvme0n1", NvmeBytes, 4096, "eui.36344730529002430025384500000001", "S437NA0M100243", "pci-0000:3b:00.0-nvme-1")]
    [InlineData("sdc", LunBytes, 512, "0x624a9370f9d2a6b1c0de4f0100011010", null, null)]
    public void TryFind_OneDiskMatches_FindsIt(string expected, long size, int sectorSize, string? wwn, string? serial, string? byPath)
    {
        Assert.True(TargetChoice.TryFind(new TargetDisk(size, sectorSize, wwn, serial, byPath), Disks(), out var disk, out var rejection), rejection?.ToString());
        Assert.Equal(expected, disk.Name);
    }

    [Theory]
    [InlineData(NvmeBytes, 512, "eui.36344730529002430025384500000001", null, null)]
    [InlineData(NvmeBytes - 512, 4096, "eui.36344730529002430025384500000001", null, null)]
    [InlineData(NvmeBytes, 4096, "eui.36344730529002430025384500000002", null, null)]
    [InlineData(NvmeBytes, 4096, null, "S437NA0M10024", null)]
    [InlineData(NvmeBytes, 4096, "eui.36344730529002430025384500000001", "S437NA0M100243", "pci-0000:3c:00.0-nvme-1")]
    public void TryFind_AnythingDiffers_IsRefusedWithTheDisksThatAre(long size, int sectorSize, string? wwn, string? serial, string? byPath)
    {
        Assert.False(TargetChoice.TryFind(new TargetDisk(size, sectorSize, wwn, serial, byPath), Disks(), out var disk, out var rejection));
        Assert.Null(disk);
        Assert.Contains("nvme0n1 (960197124096 bytes in sectors of 4096", rejection.Cause, StringComparison.Ordinal);
        Assert.Contains("sdb", rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryFind_TwoDisksOfOneSerialWithoutWwn_IsRefusedNamingBoth()
    {
        var twins = Disks().Where(disk => disk.Name is "sdc" or "sdd").Select(disk => disk with { Wwn = null }).ToArray();

        Assert.False(TargetChoice.TryFind(new TargetDisk(LunBytes, 512, Serial: "F9D2A6B1C0DE4F0100011010"), twins, out _, out var rejection));
        Assert.Contains("2 disks are: sdc", rejection.Cause, StringComparison.Ordinal);
        Assert.Contains("sdd", rejection.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other")]
    [InlineData(null)]
    public void TryFind_TwoDisksOfOneWwn_AreNotTakenForPathsToOne(string? serial)
    {
        var disks = Disks().Select(disk => disk.Name is "sdd" || (disk.Name is "sdc" && serial is null) ? disk with { Serial = serial } : disk).ToArray();

        Assert.False(TargetChoice.TryFind(new TargetDisk(LunBytes, 512, "0x624a9370f9d2a6b1c0de4f0100011010"), disks, out _, out var rejection));
        Assert.Contains("2 disks are: sdc", rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryFind_OnePathReadOnly_TakesTheOther()
    {
        var disks = Disks().Select(disk => disk.Name == "sdc" ? disk with { ReadOnly = true } : disk).ToArray();

        Assert.True(TargetChoice.TryFind(new TargetDisk(LunBytes, 512, "0x624a9370f9d2a6b1c0de4f0100011010"), disks, out var disk, out _));
        Assert.Equal("sdd", disk.Name);
    }

    [Fact]
    public void TryFind_ReadOnlyDisk_IsRefused()
    {
        var disks = Disks().Select(disk => disk with { ReadOnly = true }).ToArray();

        Assert.False(TargetChoice.TryFind(new TargetDisk(NvmeBytes, 4096, Serial: "S437NA0M100243"), disks, out _, out var rejection));
        Assert.Contains("nvme0n1 is read-only", rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryFind_OnlyASizeGiven_IsRefusedThoughOneDiskHasIt()
    {
        Assert.False(TargetChoice.TryFind(new TargetDisk(NvmeBytes, 4096), Disks(), out _, out var rejection));
        Assert.Contains("names no disk", rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryFind_NoDisks_IsRefused()
    {
        Assert.False(TargetChoice.TryFind(new TargetDisk(NvmeBytes, 4096, Serial: "S"), [], out _, out var rejection));
        Assert.Contains("It has no disks", rejection.Cause, StringComparison.Ordinal);
    }

    private Disk[] Disks() => DeployAgent.Inventory.Disks.Read(new Machine(_tree.Root));
}
