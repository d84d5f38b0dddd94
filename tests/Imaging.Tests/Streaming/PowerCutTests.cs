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
    [InlineData(0)]
    [InlineData(5 << 20)]
    public void PowerCut_AtAnyMoment_LeavesAnUnbootableDiskOrTheWholeImage(int larger)
    {
        using var folder = new TestFolder();
        var old = new byte[DiskSize + larger];
        File.ReadAllBytes(folder.MakeDisk("old.raw", DiskSize, seed: 1)).CopyTo(old, 0);
        var target = new RecordingTarget((byte[])old.Clone());
        var image = TestImage.Sign(folder.Convert(folder.MakeDisk("new.raw", DiskSize, seed: 2), "new.qcow2", "-c"));
        Assert.True(Disks.Boots(old));
        Assert.Equal(WriteStatus.Written, Writing.To(target, image).Status);
        Assert.True(Disks.Boots(target.Disk));

        var random = new Random(4);
        var bootable = 0;
        var flushed = (byte[])old.Clone();
        var pending = new List<RecordedWrite>();
        foreach (var write in target.Writes)
        {
            // Twice between any two events: each pending write is there or not, as it happens.
            for (var i = 0; i < 2 && pending.Count > 0; i++)
            {
                var state = (byte[])flushed.Clone();
                foreach (var one in pending.Where(_ => random.Next(2) == 0))
                    one.ApplyTo(state);
                Check(state);
            }
            if (!write.IsFlush)
            {
                pending.Add(write);
                continue;
            }
            foreach (var one in pending)
                one.ApplyTo(flushed);
            pending.Clear();
            Check(flushed);
        }
        Assert.True(flushed.AsSpan().SequenceEqual(target.Disk), "the last write was not flushed");
        Assert.True(bootable > 0, "no state was bootable: the test proves nothing");

        void Check(byte[] state)
        {
            // Until the first zeros are durable it is the old disk, and whole.
            if (!Disks.Boots(state) || state.AsSpan().SequenceEqual(old))
                return;
            bootable++;
            Assert.True(state.AsSpan().SequenceEqual(target.Disk), "a disk that boots is not the whole image");
        }
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
