using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>
/// Power cuts by replay: what was flushed is on the disk, of what was not yet flushed any part may be. Each such disk does not boot, or holds
/// the complete new image.
/// </summary>
public sealed class PowerCutTests
{
    private const int DiskSize = 24 << 20;

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(5 << 20, false)]
    [InlineData(9 << 20, false, 2 << 20)]
    [InlineData(20 << 20, true, 16 << 20)]
    public void PowerCut_AtAnyMoment_LeavesAnUnbootableDiskOrTheWholeImage(int larger, bool zerosBesideData, int swapBytes = 0)
    {
        using var folder = new TestFolder();
        var old = new byte[DiskSize + larger];
        File.ReadAllBytes(folder.MakeDisk("old.raw", DiskSize, seed: 1)).CopyTo(old, 0);
        var target = new RecordingTarget((byte[])old.Clone()) { ZerosBesideData = zerosBesideData };
        var image = TestImage.Sign(folder.Convert(folder.MakeDisk("new.raw", DiskSize, seed: 2), "new.qcow2", "-c"));
        Assert.True(Disks.Boots(old));
        var layout = swapBytes > 0 ? new PartitionLayout(2, swapBytes, "order-1") : null;
        Assert.Equal(WriteStatus.Written, Writing.To(target, image, new WriteOptions(Layout: layout)).Status);
        Assert.True(Disks.Boots(target.Disk));

        var (states, bootable) = (0, 0);
        foreach (var state in PowerCuts.States(old, target.Writes, new Random(4 + Soak.FirstSeed), between: Soak.Cases(10, inSoak: 100)))
        {
            states++;
            // Until the first zeros are durable it is the old disk, and whole.
            if (!Disks.Boots(state) || state.AsSpan().SequenceEqual(old))
                continue;
            bootable++;
            Assert.True(state.AsSpan().SequenceEqual(target.Disk), $"state {states} of seed {Soak.FirstSeed} boots, but is not the whole image");
        }
        Assert.InRange(states, 100, int.MaxValue);
        Assert.True(bootable > 0, "no state was bootable: the test proves nothing");
        Assert.True(target.Writes[^1].IsFlush, "the last write was not flushed");
        // The whole as firmware sees it: both tables, each where it belongs.
        File.WriteAllBytes(folder["written.raw"], target.Disk);
        Assert.Contains("No problems found", Shell.Run("sgdisk", "--verify", folder["written.raw"]), StringComparison.Ordinal);
    }

    [Fact]
    public void PowerCut_ThenReuse_CompletesTheDiskAndFetchesOnlyWhatIsMissing()
    {
        using var folder = new TestFolder();
        var old = File.ReadAllBytes(folder.MakeDisk("old.raw", DiskSize, seed: 1));
        var target = new RecordingTarget((byte[])old.Clone());
        // Raw: what of the disk is missing is what of the file must be fetched.
        var image = TestImage.Sign(folder.MakeDisk("new.raw", DiskSize, seed: 2));
        Assert.Equal(WriteStatus.Written, Writing.To(target, image).Status);
        var complete = File.ReadAllBytes(image.Path);
        var random = new Random(5 + Soak.FirstSeed);
        byte[][] states = [.. PowerCuts.States(old, target.Writes, random, between: 4).Select(state => (byte[])state.Clone())];
        random.Shuffle(states);
        using var server = new RangeServer(complete);
        var chunks = image.Verified.Disk;
        var fetched = new HashSet<long>();

        foreach (var (i, state) in states.Take(Soak.Cases(12, inSoak: states.Length)).Index())
        {
            var ends = new[] { 0, chunks.Count - 1 };
            var missing = Enumerable.Range(0, chunks.Count).Count(chunk => ends.Contains(chunk) || !chunks.Matches(chunk, state.AsSpan((int)chunks.Layout.OffsetOf(chunk), chunks.Layout.LengthOf(chunk))));
            var next = new RecordingTarget(state);

            var outcome = Writing.From([new HttpSource(server.Address, TimeProvider.System)], next, image, new WriteOptions(Reuse: true));

            Assert.True(outcome.Status == WriteStatus.Written, $"state {i}: {outcome.Reason}");
            Assert.True(next.Disk.AsSpan().SequenceEqual(complete), $"state {i} of seed {Soak.FirstSeed} was not completed");
            Assert.InRange(outcome.Figures.WireBytes, 1, (long)missing * chunks.Layout.ChunkSize);
            fetched.Add(outcome.Figures.WireBytes);
        }
        Assert.True(fetched.Count > 1, "every state lacked as much as the others: the test proves nothing");
    }

    [Fact]
    public void FailingDisk_InTheMiddle_IsLeftUnbootable()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("new.raw", DiskSize, seed: 2));
        var target = new RecordingTarget(File.ReadAllBytes(folder.MakeDisk("old.raw", DiskSize, seed: 1)))
        {
            BeforeWrite = write => _ = write.Data is not null && write.Offset == 8 << 20 ? throw new IOException("Input/output error") : 0,
        };

        var outcome = Writing.To(target, image);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("the recording disk: Input/output error", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.False(Disks.Boots(target.Disk));
    }

    [Fact]
    public void DiskThatTurnsReadOnly_InTheMiddle_HasFailed()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("new.raw", DiskSize, seed: 2));
        var isReadOnly = false;
        var target = new RecordingTarget(new byte[DiskSize])
        {
            BeforeWrite = write => _ = (isReadOnly |= write.Data is not null) ? throw new UnauthorizedAccessException("Operation not permitted") : 0,
        };

        var outcome = Writing.To(target, image);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("Operation not permitted", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void FaultOfTheProgram_InTheMiddle_HasFailedAndIsLeftUnbootable()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("new.raw", DiskSize, seed: 2));
        var target = new RecordingTarget(File.ReadAllBytes(folder.MakeDisk("old.raw", DiskSize, seed: 1)))
        {
            BeforeWrite = write => _ = write.Data is not null && write.Offset == 8 << 20 ? throw new InvalidOperationException("of all things") : 0,
        };

        var outcome = Writing.To(target, image);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("InvalidOperationException: of all things", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.False(Disks.Boots(target.Disk));
    }

    [Fact]
    public void DiskThatForgets_IsFoundWhenItIsReadBack()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("new.raw", DiskSize, seed: 2));
        RecordingTarget? target = null;
        target = new RecordingTarget(new byte[DiskSize]) { BeforeWrite = write => target!.Disk[(9 << 20) + 5] ^= (byte)(write.IsFlush ? 1 : 0) };

        var outcome = Writing.To(target, image, new WriteOptions(ReadBack: true));

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("did not keep chunk 2", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.False(Disks.Boots(target.Disk));
    }
}
