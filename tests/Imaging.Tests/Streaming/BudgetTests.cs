using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>All that a write holds is in its budget, and what does not fit is refused before it is held.</summary>
public sealed class BudgetTests
{
    private const int MiB = 1 << 20;

    private static readonly ChunkLayout _source = ChunkLayout.ForSource(1L << 30);

    [Theory]
    [InlineData(-8)]
    [InlineData(0)]
    [InlineData(16)]
    public void TryMake_NothingIsLeftForAWorker_IsRefused(int limitMiB)
    {
        Assert.False(Budget.TryMake(MemoryLimit.Of(limitMiB * (long)MiB), _source, 4 * MiB, 8 * MiB, out _, out var rejection));
        Assert.Matches(@"needs at least \d+ MiB more memory", rejection.Cause);
        Assert.NotNull(rejection.Remedy);
    }

    [Fact]
    public void TryMake_OneByteTooLittle_NamesOneMebibyte()
    {
        long limit = 16 * MiB;
        while (!Budget.TryMake(MemoryLimit.Of(limit), _source, 4 * MiB, 8 * MiB, out _, out _))
            limit++;

        Assert.False(Budget.TryMake(MemoryLimit.Of(limit - 1), _source, 4 * MiB, 8 * MiB, out _, out var rejection));
        Assert.Contains("at least 1 MiB", rejection.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 68)]
    [InlineData(8, 68)]
    [InlineData(48, 32)]
    [InlineData(80, 0)]
    public void Promised_TheLargerTheIndexes_LeavesTheLess(int indexMiB, int limitMiB) =>
        Assert.Equal(limitMiB * (long)MiB, MemoryLimit.Promised(indexMiB * (long)MiB).Bytes);

    [Fact]
    public void TryMake_AsTheLimitFalls_ShrinksTheCacheBeforeItRefuses()
    {
        Assert.True(Budget.TryMake(MemoryLimit.Of(MemoryLimit.Wanted), _source, 4 * MiB, 8 * MiB, out var roomy, out _));
        Assert.True(Budget.TryMake(MemoryLimit.Of(MemoryLimit.Wanted), _source, 16 * MiB, 32 * MiB, out var tight, out _));
        Assert.True(Budget.TryMake(MemoryLimit.Of(22 * MiB), _source, 4 * MiB, 8 * MiB, out var least, out _));

        Assert.Equal(22, roomy.CachedChunks);
        Assert.InRange(tight.CachedChunks, least.CachedChunks + 1, roomy.CachedChunks - 1);
        Assert.Equal(6, least.CachedChunks);
    }

    [Fact]
    public void ConfigDrive_BeyondTheImage_CountsAmongTheEnds()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", 24 * MiB, seed: 7));
        var drive = new byte[ConfigDrive.PartitionSize];
        var without = new WriteOptions(MemoryLimit: 24 * MiB);
        var target = new RecordingTarget(new byte[64 * MiB]);

        var refused = Writing.To(target, image, without with { ConfigDrive = new ConfigDrive(drive, Digest.Of(drive)) });

        Assert.Equal(WriteStatus.Refused, refused.Status);
        Assert.Contains("more memory", refused.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
        Assert.Equal(WriteStatus.Written, Writing.To(target, image, without).Status);
    }

    [Fact]
    public void L1Table_LargerThanWhatIsWanted_TakesRoomFromTheWorkersOrIsRefused()
    {
        using var folder = new TestFolder();
        // A million entries, one for each 32 KiB of disk.
        Shell.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512", folder["large.qcow2"], "32G");
        var size = new FileInfo(folder["large.qcow2"]).Length;
        using var cache = new SourceCache(
            new SourceMirrors([new FileSource(folder["large.qcow2"])], size, new RetryPolicy(), TimeProvider.System), ChunkLayout.ForSource(size), (_, _) => true, _ => false, capacity: 8, connections: 2);
        using var source = new SourceCursor(cache);
        Assert.True(Budget.TryMake(MemoryLimit.Of(64 * MiB), _source, 4 * MiB, 8 * MiB, out var budget, out _));

        Assert.False(Qcow2Image.TryOpen(source, new TableMemory(MiB, 8 * MiB), out _, out var rejection));
        Assert.Contains("its tables need 8192 KiB of memory, but 8192 KiB may be used", rejection.Cause, StringComparison.Ordinal);

        Assert.True(Qcow2Image.TryOpen(source, new TableMemory(MiB, 9 * MiB), out var large, out _));
        Assert.InRange(large.TableBytes, (8 * MiB) + 512, (8 * MiB) + 1024);
        Assert.True((budget with { Tables = new TableMemory(16 * MiB, 16 * MiB) }).TryFitWorkers(large, 4 * MiB, 64, out var many, out _));
        Assert.True((budget with { Tables = new TableMemory(MiB, 16 * MiB) }).TryFitWorkers(large, 4 * MiB, 64, out var few, out _));
        Assert.True(few < many, $"{few} workers beside a large table, {many} beside none");
    }
}
