using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

public sealed class ConfigDriveTests
{
    private const int MiB = 1 << 20;
    private const int ImageSize = 24 * MiB;

    private static readonly byte[] _drive = MakeDrive();

    private static ConfigDrive Drive => new(_drive, Digest.Of(_drive));

    [Theory]
    [InlineData(ImageSize + (9 * MiB))]
    [InlineData(ImageSize + (40 * MiB))]
    [InlineData(ImageSize + (40 * MiB) + 512)]
    public void ConfigDrive_OnALargerDisk_IsTheLastPartition(int diskSize)
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", ImageSize, seed: 7));
        var target = new RecordingTarget(new byte[diskSize]);

        var outcome = Writing.To(target, image, new WriteOptions(ConfigDrive: Drive));

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        File.WriteAllBytes(folder["written.raw"], target.Disk);
        Assert.Contains("No problems found", Shell.Run("sgdisk", "--verify", folder["written.raw"]), StringComparison.Ordinal);
        var partition = Shell.Run("sgdisk", "--info=3", folder["written.raw"]);
        Assert.Contains("Partition name: 'config-2'", partition, StringComparison.Ordinal);
        Assert.Contains("Partition size: 16384 sectors", partition, StringComparison.Ordinal);
        var start = long.Parse(partition.Split("First sector: ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture) * 512;
        Assert.Equal(0, start % MiB);
        Assert.InRange(start + (8 * MiB), diskSize - (2 * MiB), diskSize - (33 * 512));
        Assert.True(target.Disk.AsSpan((int)start, _drive.Length).SequenceEqual(_drive), "the partition does not hold the drive");
    }

    [Fact]
    public void ConfigDrive_OnADiskWithoutRoom_IsRefusedNamingThePartition() =>
        AssertRefused(ImageSize + (4 * MiB), Drive, "partition 'root' reaches into");

    [Fact]
    public void ConfigDrive_OtherThanOrdered_IsRefused() =>
        AssertRefused(ImageSize + (40 * MiB), Drive with { Sha256 = default }, "not the one that was ordered");

    [Fact]
    public void ConfigDrive_TooLarge_IsRefused() =>
        AssertRefused(ImageSize + (40 * MiB), new ConfigDrive(new byte[(8 * MiB) + 1], default), "has room for 8388608");

    [Fact]
    public void ConfigDrive_WithoutAnyTable_IsRefused()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", ImageSize, seed: 7, gpt: false));
        var target = new RecordingTarget(new byte[ImageSize * 2]);

        var outcome = Writing.To(target, image, new WriteOptions(ConfigDrive: Drive));

        Assert.Contains("neither a GPT nor an MBR", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    [Theory]
    [InlineData(ImageSize + (40 * MiB), "start=2048, size=8192\nstart=10240, size=8192, type=f\n", 3)]
    [InlineData(ImageSize + (9 * MiB) + 512, "start=2048, size=8192\n", 2)]
    [InlineData(ImageSize, "start=2048, size=8192\n", 2)]
    public void ConfigDrive_OnADiskWithAnMbr_IsTheFirstFreeRecordAtItsEnd(int diskSize, string table, int number)
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(MakeMbr(folder, table));
        var target = new RecordingTarget(new byte[diskSize]);

        var outcome = Writing.To(target, image, new WriteOptions(ConfigDrive: Drive));

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        File.WriteAllBytes(folder["written.raw"], target.Disk);
        var start = (diskSize - (8 * MiB)) / MiB * MiB;
        var line = Shell.Run("sfdisk", "--dump", folder["written.raw"]).Split('\n').Single(line => line.StartsWith($"{folder["written.raw"]}{number} ", StringComparison.Ordinal));
        Assert.Equal($"start={start / 512},size=16384,type=e", line.Split(':')[1].Replace(" ", "", StringComparison.Ordinal));
        Assert.True(target.Disk.AsSpan(start, _drive.Length).SequenceEqual(_drive), "the partition does not hold the drive");
        // Until the last write it does not boot.
        Assert.Equal(0, target.Writes.Last(write => !write.IsFlush).Offset);
        Assert.True(target.Disk.AsSpan(512, MiB).SequenceEqual(File.ReadAllBytes(folder["disk.raw"]).AsSpan(512, MiB)));
    }

    [Theory]
    [InlineData("start=2048, size=8192\nstart=10240, size=8192\nstart=18432, size=8192\nstart=26624, size=8192\n", "all 4 are used")]
    [InlineData("start=2048, size=8192\nstart=10240\n", "partition 2 reaches into the disk's last 8 MiB")]
    public void ConfigDrive_ForWhichAnMbrHasNoRoom_IsRefusedBeforeTheWriteNamingWhat(string table, string reason)
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(MakeMbr(folder, table));
        var target = new RecordingTarget(new byte[ImageSize]);

        var outcome = Writing.To(target, image, new WriteOptions(ConfigDrive: Drive));

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    [Theory]
    [InlineData(512, 1L << 42, (1L << 41) - (8 << 20))]
    [InlineData(4096, 1L << 42, (1L << 42) - (8 << 20))]
    public void ConfigDrive_OnADiskBeyond32Bits_LiesWhereTheyEnd(int sectorSize, long diskSize, long offset)
    {
        var sector = new byte[sectorSize];
        (sector[510], sector[511]) = (0x55, 0xaa);
        Mbr.Add(sector, 1, 0x83, (1 << 20) / sectorSize, 100);

        Assert.True(MbrDrive.TryFit(sector, sectorSize, diskSize, Drive, out var writes, out var rejection), rejection?.ToString());

        Assert.Equal(offset, writes[1].Offset);
        Assert.Equal(new MbrPartition(2, 0x0e, offset / sectorSize, (8 << 20) / sectorSize), Mbr.Partitions(writes[0].Data)[1]);
    }

    private static string MakeMbr(TestFolder folder, string table)
    {
        var path = folder.MakeDisk("disk.raw", ImageSize, seed: 7, gpt: false);
        var script = folder["table"];
        File.WriteAllText(script, "label: dos\n" + table);
        Shell.Run("sh", "-c", $"sfdisk --wipe=always --no-reread --quiet '{path}' < '{script}'");
        return path;
    }

    [Fact]
    public void ConfigDrive_WhenAllEntriesAreUsed_IsRefused()
    {
        using var folder = new TestFolder();
        var path = folder.MakeDisk("disk.raw", ImageSize, seed: 7);
        Shell.Run("sgdisk", ["--zap-all", "--set-alignment=1", .. Enumerable.Range(1, 128).Select(n => $"--new={n}:{256 * n}:+1"), path]);
        var image = TestImage.Sign(path);
        var target = new RecordingTarget(new byte[ImageSize * 2]);

        var outcome = Writing.To(target, image, new WriteOptions(ConfigDrive: Drive));

        Assert.Contains("all 128 are used", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    private static void AssertRefused(int diskSize, ConfigDrive drive, string reason)
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", ImageSize, seed: 7));
        var target = new RecordingTarget(new byte[diskSize]);

        var outcome = Writing.To(target, image, new WriteOptions(ConfigDrive: drive));

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    private static byte[] MakeDrive()
    {
        var drive = new byte[(4 * MiB) + 100];
        new Random(1).NextBytes(drive);
        return drive;
    }
}
