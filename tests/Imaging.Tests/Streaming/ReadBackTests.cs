using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>A disk that returns other bytes than it was given is found by reading back, wherever that is, and is left unbootable.</summary>
public sealed class ReadBackTests
{
    private const int MiB = 1 << 20;
    private const int ImageSize = 24 * MiB;
    private const int DiskSize = 45 * MiB;

    // The config drive is the last partition: 8 MiB, on a mebibyte, before the backup table.
    private const int Drive = 36 * MiB;

    [Theory]
    [InlineData("LBA 0", 100, WritePhase.Finishing)]
    [InlineData("the GPT header", 512 + 40, WritePhase.Finishing)]
    [InlineData("the GPT's entries", 1024 + 200, WritePhase.Finishing)]
    [InlineData("the first chunk", (2 * MiB) + 17, WritePhase.Finishing)]
    [InlineData("a chunk of data", (9 * MiB) + 5, WritePhase.ReadingBack)]
    [InlineData("another", (17 * MiB) - 1, WritePhase.ReadingBack)]
    [InlineData("the last chunk", ImageSize - 1, WritePhase.Finishing)]
    [InlineData("the config drive's first byte", Drive, WritePhase.Finishing)]
    [InlineData("the config drive's last byte", Drive + (3 * MiB) - 1, WritePhase.Finishing)]
    [InlineData("the zeros at the disk's end", DiskSize - (100 << 10), WritePhase.ReadingBack)]
    [InlineData("the first of them", DiskSize - (4 * MiB), WritePhase.ReadingBack)]
    [InlineData("the backup GPT's entries", DiskSize - (33 * 512) + 3, WritePhase.Finishing)]
    [InlineData("the backup GPT header", DiskSize - 500, WritePhase.Finishing)]
    public void Disk_ThatReturnsOtherBytes_IsFoundAndLeftUnbootable(string what, int at, WritePhase when)
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("new.raw", ImageSize, seed: 2));
        var progress = new WriteProgress();
        var target = new RecordingTarget(new byte[DiskSize])
        {
            AfterRead = (offset, bytes) =>
            {
                if (progress.Phase == when && at >= offset && at < offset + bytes.Length)
                    bytes[(int)(at - offset)] ^= 4;
            },
        };

        var outcome = Writing.To(target, image, Options(), progress);

        Assert.True(outcome.Status == WriteStatus.Failed, $"{what}: {outcome.Status}");
        Assert.Matches("did not keep (what was written at|chunk)", outcome.Reason!.Cause);
        Assert.Contains("replace it", outcome.Reason.Remedy, StringComparison.Ordinal);
        Assert.False(Disks.Boots(target.Disk));
    }

    [Fact]
    public void ReadBack_OfASoundDisk_ReadsAllThatWasWrittenAfterItsFlush()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("new.raw", ImageSize, seed: 2));
        var unread = new bool[DiskSize / 512];
        var unflushed = new bool[DiskSize / 512];
        var gate = new Lock();
        var target = new RecordingTarget(new byte[DiskSize])
        {
            BeforeWrite = write =>
            {
                lock (gate)
                {
                    if (write.IsFlush)
                        Array.Clear(unflushed);
                    unread.AsSpan((int)(write.Offset / 512), (int)(write.Length / 512)).Fill(true);
                    unflushed.AsSpan((int)(write.Offset / 512), (int)(write.Length / 512)).Fill(true);
                }
            },
            BeforeRead = (offset, length) =>
            {
                lock (gate)
                {
                    Assert.DoesNotContain(true, unflushed.AsSpan((int)(offset / 512), length / 512).ToArray());
                    unread.AsSpan((int)(offset / 512), length / 512).Clear();
                }
            },
        };

        var outcome = Writing.To(target, image, Options());

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal(-1, Array.IndexOf(unread, true));
    }

    private static WriteOptions Options()
    {
        var drive = new byte[3 * MiB];
        new Random(8).NextBytes(drive);
        return new WriteOptions(ReadBack: true, ConfigDrive: new ConfigDrive(drive, Digest.Of(drive)));
    }
}
