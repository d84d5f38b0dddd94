using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Chunks that the image has no data for: 3 and 1 of them, between 4 that are data and the 2 of the disk's ends.</summary>
public sealed class ZeroingTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const int DiskSize = 40 * MiB;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    private readonly TestFolder _folder = new();
    private readonly WriteProgress _progress = new();
    private readonly List<(WritePhase Phase, long Total)> _phases = [];
    private readonly byte[] _disk;
    private readonly TestImage _image;

    public ZeroingTests()
    {
        _disk = File.ReadAllBytes(_folder.MakeDisk("disk.raw", DiskSize, seed: 3));
        _disk.AsSpan(8 * MiB, 12 * MiB).Clear();
        _disk.AsSpan(24 * MiB, 4 * MiB).Clear();
        File.WriteAllBytes(_folder["disk.raw"], _disk);
        _image = TestImage.Sign(_folder["disk.raw"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_ToADiskThatIsSentItsZeros_ZerosFirstAndTogether()
    {
        var target = Target(zerosBesideData: false);
        target.BeforeWrite = _ => Note();

        AssertIsWritten(target);

        var writes = target.Writes.Where(write => !write.IsFlush).ToList();
        Assert.DoesNotContain(writes.SkipWhile(write => write.Data is null), write => write.Data is null);
        Assert.Contains(new RecordedWrite(8 * MiB, 12 * MiB, null), writes);
        Assert.Contains(new RecordedWrite(24 * MiB, 4 * MiB, null), writes);
        // What is shown counts each by itself.
        Assert.Contains((WritePhase.Zeroing, 16L * MiB), _phases);
        Assert.Contains((WritePhase.Writing, 16L * MiB), _phases);
    }

    [Fact]
    public void Write_ToADiskThatCanDoBothAtOnce_ZerosBesideTheData()
    {
        using var zeroed = new ManualResetEventSlim();
        var target = Target(zerosBesideData: true);
        target.BeforeWrite = write =>
        {
            Note();
            if (IsGap(write, 24 * MiB))
                zeroed.Set();
            else if (write.Data is not null && write.Offset == 4 * MiB)
                Assert.True(zeroed.Wait(_patience), "The first data waited for zeros that did not come.");
        };

        AssertIsWritten(target);

        Assert.Contains((WritePhase.Writing, 16L * MiB), _phases);
        Assert.DoesNotContain(_phases, seen => seen.Phase == WritePhase.Zeroing);
    }

    [Fact]
    public void Write_ToADiskThatZerosSlowlyByItself_ShowsWhatIsLeftAfterTheData()
    {
        using var written = new CountdownEvent(4);
        var target = Target(zerosBesideData: true);
        target.BeforeWrite = write =>
        {
            Note();
            if (IsGap(write, 8 * MiB))
                Assert.True(written.Wait(_patience), "The data waited for the zeros.");
            else if (write.Data is not null && !written.IsSet)
                written.Signal();
        };

        AssertIsWritten(target);

        // The second is left for all, unless it was begun in the moment between the last data and their end.
        var last = target.Writes.Last(write => IsGap(write, 8 * MiB) || IsGap(write, 24 * MiB));
        Assert.Equal(24 * MiB, last.Offset);
        Assert.All(_phases.Where(seen => seen.Phase == WritePhase.Zeroing), seen => Assert.Equal(4L * MiB, seen.Total));
    }

    [Fact]
    public void Zeroing_ThatFailsBesideTheData_EndsTheWriteAndLeavesTheDiskUnbootable()
    {
        var target = Target(zerosBesideData: true);
        target.BeforeWrite = write => _ = IsGap(write, 8 * MiB) ? throw new IOException("Input/output error") : 0;

        var outcome = Writing.To(target, _image);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("Input/output error", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.False(Disks.Boots(target.Disk));
    }

    private static bool IsGap(RecordedWrite write, long offset) => write is { IsFlush: false, Data: null } && write.Offset == offset;

    private static RecordingTarget Target(bool zerosBesideData) => new(Enumerable.Repeat((byte)0xa5, DiskSize).ToArray()) { ZerosBesideData = zerosBesideData };

    private void Note()
    {
        lock (_phases)
            _phases.Add((_progress.Phase, _progress.TotalBytes));
    }

    private void AssertIsWritten(RecordingTarget target)
    {
        var outcome = Writing.To(target, _image, new WriteOptions(Cores: 1), _progress);

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal(16 * MiB, outcome.Figures.ZeroedBytes);
        Assert.Equal(_disk, target.Disk);
    }
}
