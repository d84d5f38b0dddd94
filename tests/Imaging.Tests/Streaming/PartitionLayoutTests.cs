using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>What an order makes of a partition image's disk, as tools that know nothing of us read it.</summary>
public sealed class PartitionLayoutTests
{
    private const int MiB = 1 << 20;
    private const int ImageSize = 24 * MiB;
    private const int RootOffset = 2 * MiB;

    private static readonly byte[] _drive = new byte[64 << 10];

    private static ConfigDrive Drive => new(_drive, Digest.Of(_drive));

    [Theory]
    [InlineData(ImageSize, 0, false)]
    [InlineData(ImageSize + (40 * MiB) + 512, 0, false)]
    [InlineData(ImageSize + (40 * MiB), 0, true)]
    [InlineData(ImageSize + (40 * MiB), 16 * MiB, false)]
    [InlineData(ImageSize + (40 * MiB), 31 * MiB, true)]
    [InlineData(ImageSize + (4 * MiB) + 512, 2 * MiB, false)]
    public void Layout_OnADisk_IsAsItWasPlanned(int diskSize, int swapBytes, bool hasDrive)
    {
        using var folder = new TestFolder();
        var (image, raw) = MakeImage(folder);
        var target = new RecordingTarget(new byte[diskSize]);

        var outcome = Writing.To(target, image, new WriteOptions(ReadBack: true, ConfigDrive: hasDrive ? Drive : null, Layout: new PartitionLayout(2, swapBytes, "order-1")));

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        File.WriteAllBytes(folder["written.raw"], target.Disk);
        Assert.Contains("No problems found", Shell.Run("sgdisk", "--verify", folder["written.raw"]), StringComparison.Ordinal);
        var plan = PartitionPlan.Of(RootOffset, diskSize, 512, swapBytes, hasDrive);
        string[] names = ["boot", "root", .. swapBytes > 0 ? new[] { "swap" } : [], .. hasDrive ? new[] { "config-2" } : []];
        Assert.Equal(names, plan.Select(part => part.Name));
        Assert.Equal(
            plan.Skip(1).Select(part => $"{part.Offset}+{part.Bytes} {part.Name}").Order(),
            Partitions(folder["written.raw"]).Where(partition => partition.Entry.Name != "bios").Select(partition => $"{partition.Entry.FirstLba * 512}+{(partition.Entry.LastLba - partition.Entry.FirstLba + 1) * 512} {partition.Entry.Name}").Order());
        Assert.True(target.Disk.AsSpan(RootOffset, ImageSize - (3 * MiB)).SequenceEqual(raw.AsSpan(RootOffset, ImageSize - (3 * MiB))), "the root file system is not as it was signed");
    }

    [Fact]
    public void Swap_OnADisk_IsWhatMkswapMakes()
    {
        using var folder = new TestFolder();
        const int swapBytes = 16 * MiB;
        var old = new byte[ImageSize + (40 * MiB)];
        new Random(3).NextBytes(old);
        var target = new RecordingTarget(old);
        Assert.Equal(WriteStatus.Written, Writing.To(target, MakeImage(folder).Image, new WriteOptions(Layout: new PartitionLayout(2, swapBytes, "order-1"))).Status);
        File.WriteAllBytes(folder["written.raw"], target.Disk);
        var swap = Partitions(folder["written.raw"]).Single(partition => partition.Entry.Name == "swap").Entry;

        File.WriteAllBytes(folder["mkswap"], new byte[swapBytes]);
        Shell.Run("/usr/sbin/mkswap", "--uuid", $"{swap.Id}", "--label", "swap", folder["mkswap"]);

        Assert.Equal(GptEntry.LinuxSwap, swap.Type);
        Assert.True(target.Disk.AsSpan((int)swap.FirstLba * 512, SwapSpace.HeadLength).SequenceEqual(File.ReadAllBytes(folder["mkswap"]).AsSpan(0, SwapSpace.HeadLength)));
    }

    [Fact]
    public void Ids_OfTwoOrders_AreTheirOwnAndStayThroughAttempts()
    {
        using var folder = new TestFolder();
        var image = MakeImage(folder).Image;

        string IdsOf(string order)
        {
            var target = new RecordingTarget(new byte[ImageSize + (40 * MiB)]);
            Assert.Equal(WriteStatus.Written, Writing.To(target, image, new WriteOptions(ConfigDrive: Drive, Layout: new PartitionLayout(2, 8 * MiB, order))).Status);
            File.WriteAllBytes(folder["written.raw"], target.Disk);
            return string.Join(' ', [Shell.Run("sgdisk", "--print", folder["written.raw"]).Split("GUID): ")[1].Split('\n')[0], .. Partitions(folder["written.raw"]).Select(partition => $"{partition.Entry.Id}")]);
        }

        var first = IdsOf("order-1");
        Assert.Equal(first, IdsOf("order-1"));
        Assert.Equal(10, first.Split(' ').Concat(IdsOf("order-2").Split(' ')).Distinct().Count());
    }

    // Promise 1, read from the disk: what is neither the image's own nor one of the derived sectors was never written.
    [Fact]
    public void Layout_OnADiskOfNoise_WritesNothingButTheImageAndWhatIsDerived()
    {
        using var folder = new TestFolder();
        var (image, raw) = MakeImage(folder);
        const int diskSize = ImageSize + (40 * MiB);
        const int swapBytes = 16 * MiB;
        var old = new byte[diskSize];
        new Random(5).NextBytes(old);
        var target = new RecordingTarget((byte[])old.Clone());

        Assert.Equal(WriteStatus.Written, Writing.To(target, image, new WriteOptions(Layout: new PartitionLayout(2, swapBytes, "order-1"))).Status);

        var swap = PartitionPlan.Of(RootOffset, diskSize, 512, swapBytes, hasConfigDrive: false).Single(part => part.Name == "swap").Offset;
        (long From, long To, string What)[] derived =
        [
            (0, 34 * 512, "partition table"), (swap, swap + SwapSpace.HeadLength, "swap header"), (diskSize - DiskEnds.TailLength, diskSize, "the disk's end"),
        ];
        for (var at = 0L; at < diskSize; at += 512)
        {
            if (derived.Any(range => at >= range.From && at < range.To))
                continue;
            var expected = at < ImageSize ? raw : old;
            Assert.True(target.Disk.AsSpan((int)at, 512).SequenceEqual(expected.AsSpan((int)at, 512)), $"the sector at {at} is neither the image's nor as it was");
        }
        Assert.All(target.Writes.Where(write => write.Data is not null && write.Offset >= ImageSize), write =>
            Assert.Contains(derived, range => write.Offset >= range.From && write.Offset + write.Length <= range.To));
    }

    [Theory]
    [InlineData(2, 48 * MiB, "The swap partition does not fit: the image's partition 'root' reaches into")]
    [InlineData(2, 1L << 60, "The swap partition does not fit: the disk is too small")]
    [InlineData(1, 0, "partition 'root' lies behind partition 1")]
    [InlineData(3, 0, "has no partition 3")]
    [InlineData(0, 0, "has no partition 0")]
    [InlineData(129, 0, "has no partition 129")]
    public void Layout_ThatCannotBe_IsRefusedBeforeTheWrite(int root, long swapBytes, string reason)
    {
        using var folder = new TestFolder();
        var target = new RecordingTarget(new byte[ImageSize + (40 * MiB)]);

        var outcome = Writing.To(target, MakeImage(folder).Image, new WriteOptions(Layout: new PartitionLayout(root, swapBytes, "order-1")));

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    [Fact]
    public void Layout_OfAnImageWithoutAGpt_IsRefusedBeforeTheWrite()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", ImageSize, seed: 7, gpt: false));
        var target = new RecordingTarget(new byte[ImageSize * 2]);

        var outcome = Writing.To(target, image, new WriteOptions(Layout: new PartitionLayout(2, 0, "order-1")));

        Assert.Contains("has no GPT that could be laid out", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    // Attributes too are the image's own: systemd reads one as "grow the file system".
    [Fact]
    public void Layout_OfARootWithAttributes_LeavesThem()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", ImageSize, seed: 7);
        Shell.Run("sgdisk", "--attributes=2:set:59", raw);
        var target = new RecordingTarget(new byte[ImageSize * 2]);

        Assert.Equal(WriteStatus.Written, Writing.To(target, TestImage.Sign(raw), new WriteOptions(Layout: new PartitionLayout(2, 0, "order-1"))).Status);

        File.WriteAllBytes(folder["written.raw"], target.Disk);
        Assert.Contains("59", Shell.Run("sgdisk", "--attributes=2:show", folder["written.raw"]), StringComparison.Ordinal);
    }

    private static (TestImage Image, byte[] Raw) MakeImage(TestFolder folder)
    {
        var raw = folder.MakeDisk("disk.raw", ImageSize, seed: 7);
        // As image sign makes it: a root that begins and ends at whole MiB.
        Shell.Run("sgdisk", "--clear", "--new=1:2048:+1M", "--typecode=1:ef02", "--change-name=1:bios", $"--new=2:{RootOffset / 512}:{((ImageSize - MiB) / 512) - 1}", "--change-name=2:root", raw);
        return (TestImage.Sign(folder.Convert(raw, "disk.qcow2", "-c")), File.ReadAllBytes(raw));
    }

    private static IReadOnlyList<NumberedPartition> Partitions(string path)
    {
        Assert.True(Gpt.TryRead(File.ReadAllBytes(path), 512, out var gpt, out var rejection), rejection?.ToString());
        return gpt!.Numbered;
    }
}
