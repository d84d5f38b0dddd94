using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Chunks that the image has no data for.</summary>
public sealed class ZeroingTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void Write_ZeroChunks_GoFirstAndTogether()
    {
        using var folder = new TestFolder();
        var disk = File.ReadAllBytes(folder.MakeDisk("disk.raw", 40 * MiB, seed: 3));
        disk.AsSpan(8 * MiB, 12 * MiB).Clear();
        disk.AsSpan(24 * MiB, 4 * MiB).Clear();
        File.WriteAllBytes(folder["disk.raw"], disk);
        var target = new RecordingTarget(Enumerable.Repeat((byte)0xa5, 40 * MiB).ToArray());
        var progress = new WriteProgress();
        List<(WritePhase Phase, long Total)> phases = [];
        target.BeforeWrite = _ => phases.Add((progress.Phase, progress.TotalBytes));

        var outcome = Writing.To(target, TestImage.Sign(folder["disk.raw"]), new WriteOptions(Cores: 1), progress);

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal(16 * MiB, outcome.Figures.ZeroedBytes);
        Assert.Equal(disk, target.Disk);
        var writes = target.Writes.Where(write => !write.IsFlush).ToList();
        Assert.DoesNotContain(writes.SkipWhile(write => write.Data is null), write => write.Data is null);
        Assert.Contains(new RecordedWrite(8 * MiB, 12 * MiB, null), writes);
        Assert.Contains(new RecordedWrite(24 * MiB, 4 * MiB, null), writes);
        // What is shown counts each by itself: two chunks are the disk's ends.
        Assert.Contains((WritePhase.Zeroing, 16L * MiB), phases);
        Assert.Contains((WritePhase.Writing, 16L * MiB), phases);
    }
}
