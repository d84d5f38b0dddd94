using Baremetal.Imaging.Signing;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Targets;

/// <summary>Disks of 4096-byte sectors, whole: partitions that mount, both tables, the config drive; and no image on a disk of other sectors.</summary>
public sealed class SectorSizeTests : IDisposable
{
    private const int Large = 4096;
    private const int Small = 512;
    private const long DiskSize = 48L << 20;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Large, 24 << 20)]
    [InlineData(Large, (24 << 20) + Large)]
    [InlineData(Small, (24 << 20) + Small)]
    public void Write_ToALargerDiskWithAConfigDrive_HasBothTablesAndPartitionsThatMount(int sectorSize, int larger)
    {
        var image = TestImage.Sign(_folder.Convert(MakeSystem(sectorSize), "disk.qcow2", "-c"));
        Assert.Equal(sectorSize, image.Verified.Manifest.Predicate.Disk.SectorSize);
        var drive = MakeDrive(sectorSize);
        using var disk = new LoopDevice(_folder["loop"], DiskSize + larger, sectorSize);
        // What an old system leaves: nothing of it may be believed.
        Shell.Run("sgdisk", "--clear", "--new=1:0:0", disk.Path);

        Write(disk, image, new WriteOptions(ReadBack: true, ConfigDrive: new ConfigDrive(drive, Digest.Of(drive))));

        Assert.Contains("No problems found", Shell.Run("sgdisk", "--verify", disk.Path), StringComparison.Ordinal);
        AssertMounts(disk, 1, sectorSize);
        using var config = disk.Partition(2, sectorSize);
        // Not every kernel that runs tests has VFAT.
        Assert.Equal("the settings", Shell.Run("mtype", "-i", config.Path, "::user_data"));
        Assert.Equal("CONFIG-2", Shell.Run("blkid", "--probe", "--output", "value", "--match-tag", "LABEL", config.Path).Trim());
    }

    [Theory]
    [InlineData(Small, Large)]
    [InlineData(Large, Small)]
    public void Write_ToADiskOfOtherSectors_IsRefusedAndTouchesNothing(int imageSectors, int diskSectors)
    {
        var image = TestImage.Sign(MakeSystem(imageSectors));
        var before = new byte[DiskSize];
        new Random(4).NextBytes(before);
        File.WriteAllBytes(_folder["loop"], before);
        using (var disk = new LoopDevice(_folder["loop"], null, diskSectors))
        using (var target = Open(disk))
        {
            var outcome = Writing.To(target, image);

            Assert.Equal(WriteStatus.Refused, outcome.Status);
            Assert.Contains($"made for sectors of {imageSectors} bytes; {disk.Path} has sectors of {diskSectors}", outcome.Reason!.Cause, StringComparison.Ordinal);
            Assert.Contains($"an image made for {diskSectors}", outcome.Reason.Remedy, StringComparison.Ordinal);
        }
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["loop"])), "the disk was touched");
    }

    [Theory]
    [InlineData(Small, 0)]
    [InlineData(Small, 3 * Small)]
    [InlineData(Small, 7 * Small)]
    public void Write_OfOddlyManySmallSectors_EqualsTheImagePastTheKernelsCache(int more, int larger)
    {
        var raw = _folder.MakeDisk("disk.raw", DiskSize + more, seed: 21, gpt: false);
        var image = TestImage.Sign(raw);
        using var disk = new LoopDevice(_folder["loop"], DiskSize + more + larger, Small);

        Write(disk, image, new WriteOptions(ReadBack: true));
        Assert.Equal("", Shell.Run("cmp", $"--bytes={DiskSize + more}", raw, disk.Path));

        var again = Write(disk, image, new WriteOptions(Reuse: true, ReadBack: true));
        Assert.True(again.Figures.ReusedBytes > DiskSize / 2, $"{again.Figures}");
        Assert.Equal("", Shell.Run("cmp", $"--bytes={DiskSize + more}", raw, disk.Path));
    }

    [Fact]
    public void Sign_ATableForLargeSectorsBesideTheRestOfOneForSmall_BelievesTheWholeOne()
    {
        var path = MakeSystem(Large);
        using (var disk = File.OpenWrite(path))
        {
            // Where a table for small sectors would begin: its header outlived its entries.
            disk.Position = Small;
            disk.Write("EFI PART\0\0\u0001\0\\\0\0\0"u8);
        }

        Assert.Equal(Large, TestImage.Sign(path).Verified.Manifest.Predicate.Disk.SectorSize);
    }

    [Fact]
    public void Sign_TwoWholeTables_IsRefusedNamingBoth()
    {
        var path = MakeSystem(Large);
        // Its entries moved behind the others', as images for both kinds of disks have it.
        Shell.Run("truncate", "-s", $"{DiskSize}", _folder["other.raw"]);
        Shell.Run("sgdisk", "--clear", "--move-main-table=64", "--new=1:2048:0", _folder["other.raw"]);
        var other = File.ReadAllBytes(_folder["other.raw"]);
        using (var disk = File.OpenWrite(path))
        {
            foreach (var (at, length) in new[] { (Small, Small), (64 * Small, 32 * Small) })
            {
                disk.Position = at;
                disk.Write(other, at, length);
            }
        }

        var (measured, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.Null(measured);
        Assert.Contains("a partition table for sectors of 512 bytes and another for sectors of 4096", rejection!.Cause, StringComparison.Ordinal);
        Assert.NotNull(rejection.Remedy);
    }

    [Fact]
    public void Sign_ADiskThatIsNoMultipleOfItsSectors_IsRefused()
    {
        var path = MakeSystem(Large);
        using (var disk = File.OpenWrite(path))
            disk.SetLength(DiskSize + Small);

        var (measured, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.Null(measured);
        Assert.Contains("no multiple of its sector size 4096", rejection!.Cause, StringComparison.Ordinal);
    }

    private static WriteOutcome Write(LoopDevice disk, TestImage image, WriteOptions options)
    {
        using var target = Open(disk);
        var outcome = Writing.To(target, image, options);
        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        return outcome;
    }

    private static IBlockTarget Open(LoopDevice disk)
    {
        var (target, rejection) = BlockTarget.Open(disk.Path, 0);
        Assert.True(target is not null, rejection?.ToString());
        return target;
    }

    // A GPT made for the sector size, with one partition that a file lies in.
    private string MakeSystem(int sectorSize)
    {
        var path = _folder["system.raw"];
        Directory.CreateDirectory(_folder["root"]);
        File.WriteAllText(Path.Combine(_folder["root"], "hello"), "the system");
        using var disk = new LoopDevice(path, DiskSize, sectorSize);
        Shell.Run("sgdisk", "--clear", "--new=1:0:+32M", "--change-name=1:root", disk.Path);
        using var partition = disk.Partition(1, sectorSize);
        Shell.Run("mkfs.ext4", "-q", "-d", _folder["root"], partition.Path);
        return path;
    }

    // As the conductor makes it for the disk's sector size.
    private byte[] MakeDrive(int sectorSize)
    {
        File.WriteAllText(_folder["user_data"], "the settings");
        Shell.Run("mkfs.vfat", "-C", "-n", "CONFIG-2", "-S", $"{sectorSize}", _folder["drive"], "8192");
        Shell.Run("mcopy", "-i", _folder["drive"], _folder["user_data"], "::");
        return File.ReadAllBytes(_folder["drive"]);
    }

    private void AssertMounts(LoopDevice disk, int number, int sectorSize)
    {
        using var partition = disk.Partition(number, sectorSize);
        var mount = Directory.CreateDirectory(_folder["mount"]).FullName;
        Shell.Run("mount", "-t", "ext4", "-o", "ro", partition.Path, mount);
        try
        {
            Assert.Equal("the system", File.ReadAllText(Path.Combine(mount, "hello")));
        }
        finally
        {
            Shell.Run("umount", mount);
        }
    }
}
