using Baremetal.Imaging.Erasing;
using Baremetal.Imaging.Native;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Imaging.Tests.Targets;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Erasing;

public sealed class DiskEraserTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const int DiskSize = 64 * MiB;

    private readonly TestFolder _folder = new();
    private readonly WriteProgress _progress = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Zero_AWholeDisk_LeavesNothingOfIt()
    {
        var target = new RecordingTarget(Noise());

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Zero, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((DiskSize, 0, null), (erasure.ErasedBytes, erasure.FailedBytes, erasure.FirstFailure));
        Assert.True(erasure.Samples > 100, $"only {erasure.Samples} samples");
        Assert.False(target.Disk.AsSpan().ContainsAnyExcept((byte)0));
        Assert.True(target.Writes[^1].IsFlush, "it was not flushed");
        Assert.Equal((WritePhase.ReadingBack, erasure.Samples * 4096L, erasure.Samples * 4096L), (_progress.Phase, _progress.DoneBytes, _progress.TotalBytes));
    }

    [Theory]
    [InlineData("gpt", "--new=1:2048:+20M", "--new=2:0:+8M", "--new=3:0:0")]
    [InlineData("mbr", "--new=1:2048:+20M", "--new=2:0:+8M", "--new=3:0:+20M", "--gpttombr=1:2:3")]
    public void Metadata_OfADiskWithPartitions_GoesAtTheEndsOfEachAndTheDataBetweenStay(string table, params string[] partitions)
    {
        var path = _folder["disk.raw"];
        File.WriteAllBytes(path, Noise());
        Shell.Run("sgdisk", ["--zap-all", path]);
        Shell.Run("sgdisk", ["--clear", .. partitions, path]);
        var target = new RecordingTarget(File.ReadAllBytes(path));
        var before = (byte[])target.Disk.Clone();

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Metadata, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((0, null), (erasure.FailedBytes, erasure.FirstFailure));
        foreach (var start in new[] { 0, 1, 21, 29 })
            Assert.False(target.Disk.AsSpan(start * MiB, 4 * MiB).ContainsAnyExcept((byte)0), $"{table}: something is left at {start} MiB");
        Assert.False(target.Disk.AsSpan(DiskSize - (4 * MiB)).ContainsAnyExcept((byte)0), "something is left at the end");
        Assert.Equal(before[(8 * MiB)..(9 * MiB)], target.Disk[(8 * MiB)..(9 * MiB)]);
        File.WriteAllBytes(path, target.Disk);
        Assert.Equal("", Shell.Run("wipefs", "--no-act", path).Trim());
    }

    [Fact]
    public void Metadata_OfADiskWithoutATable_GoesAtItsEnds()
    {
        var target = new RecordingTarget(Noise());

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Metadata, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal(8 * MiB, erasure.ErasedBytes);
        Assert.Equal(4 * MiB, target.Disk.AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Zero_OfADiskThatDoesNotTakeAPiece_ErasesTheRestAndSaysWhatIsLeft()
    {
        var target = new RecordingTarget(Noise()) { BeforeWrite = write => _ = write.Offset == 16 * MiB ? throw new IOException("Input/output error") : 0 };

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Zero, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.InRange(erasure.FailedBytes, 16 * MiB, 17 * MiB);
        Assert.Equal(DiskSize, erasure.ErasedBytes + erasure.FailedBytes);
        Assert.Equal($"byte {16 * MiB}: Input/output error", erasure.FirstFailure);
        Assert.False(target.Disk.AsSpan(32 * MiB).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Zero_OfADiskThatForgets_IsFoundByItsSamples()
    {
        var target = new RecordingTarget(Noise()) { AfterRead = (_, bytes) => bytes[^1] = 1 };

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Zero, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal("byte 0: it was erased, and is not read as zeros", erasure.FirstFailure);
        Assert.Equal(erasure.Samples * 4096, erasure.FailedBytes);
    }

    [Fact]
    public void Discard_OfADiskThatForgets_LeavesNothingOfIt()
    {
        var path = _folder["loop"];
        using var loop = new LoopDevice(path, DiskSize, sectorSize: 512);
        var (opened, _) = BlockDevice.Open(loop.Path);
        using var target = opened!;
        using var noise = new AlignedBuffer(DiskSize);
        Noise().CopyTo(noise.Span);
        target.Write(0, noise.Span);

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Discard, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((DiskSize, 0, null), (erasure.ErasedBytes, erasure.FailedBytes, erasure.FirstFailure));
        Assert.True(DiskEraser.IsErased(target, 512, EraseDepth.Discard, _progress, TestContext.Current.CancellationToken));
        Assert.False(File.ReadAllBytes(path).AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Discard_ThatLeavesAPieceAsItWas_DoesNotCountItAsErased()
    {
        var target = new RecordingTarget(Noise()) { Discards = offset => offset != 32 * MiB };

        var erasure = DiskEraser.Erase(target, 512, EraseDepth.Discard, _progress, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((48 * MiB, 16 * MiB), (erasure.ErasedBytes, erasure.FailedBytes));
        Assert.Equal($"byte {32 * MiB}: it was erased, and is not read as zeros", erasure.FirstFailure);
        Assert.False(DiskEraser.IsErased(target, 512, EraseDepth.Discard, _progress, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Discard_OfADiskThatHasNone_TouchesNothingAndSaysSo()
    {
        var target = new RecordingTarget(Noise());

        Assert.Equal(new Erasure(0, DiskSize, "it has no discard", 0), DiskEraser.Erase(target, 512, EraseDepth.Discard, _progress, TimeProvider.System, TestContext.Current.CancellationToken));

        Assert.Empty(target.Writes);
    }

    [Fact]
    public void Flush_ThatFails_LeavesNothingErasedForCertain()
    {
        var target = new RecordingTarget(Noise()) { BeforeWrite = write => _ = write.IsFlush ? throw new IOException("Input/output error") : 0 };

        Assert.Equal(new Erasure(0, DiskSize, "the flush: Input/output error", 0), DiskEraser.Erase(target, 512, EraseDepth.Zero, _progress, TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Erase_ThatIsAborted_EndsBeforeTheNextPiece()
    {
        using var abort = new CancellationTokenSource();
        var target = new RecordingTarget(Noise()) { BeforeWrite = _ => abort.Cancel() };

        Assert.Throws<OperationCanceledException>(() => DiskEraser.Erase(target, 512, EraseDepth.Zero, _progress, TimeProvider.System, abort.Token));

        Assert.Single(target.Writes);
    }

    private static byte[] Noise()
    {
        var noise = new byte[DiskSize];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
