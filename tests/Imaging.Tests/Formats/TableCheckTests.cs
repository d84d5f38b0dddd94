using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Formats;

/// <summary>The check of all tables before anything is touched: what it costs, what it tells meanwhile, and that it can be stopped.</summary>
public sealed class TableCheckTests : IDisposable
{
    private const int MiB = 1 << 20;

    // 8192 tables of 512 bytes in 4 MiB, each named in an order of its own.
    private static readonly SparseImageSpec _scattered = new(256 * MiB) { ClusterSize = 512, DataEvery = 4, IsScattered = true };

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void CheckTables_ThatLieScattered_ReadsNoByteOfTheFileTwice()
    {
        var image = SparseImage.Make(_folder["image"], _scattered with { DiskSize = 1024 * MiB });

        var stored = Check(image, null, TestContext.Current.CancellationToken, out var wireBytes);

        Assert.Equal(16 * MiB, stored);
        Assert.InRange(wireBytes, 1, new FileInfo(image.Path).Length);
    }

    [Fact]
    public void CheckTables_FromStartToEnd_TellsTheBytesOfAllTables()
    {
        var image = SparseImage.Make(_folder["image"], _scattered);
        long done = 0;

        var stored = Check(image, bytes => done += bytes, TestContext.Current.CancellationToken, out _);

        Assert.Equal(8192 * 512, stored);
        Assert.Equal(stored, done);
    }

    [Fact]
    public void CheckTables_Cancelled_EndsBeforeTheNextTable()
    {
        var image = SparseImage.Make(_folder["image"], _scattered);
        using var stop = new CancellationTokenSource();
        var tables = 0;

        Assert.Throws<OperationCanceledException>(() => Check(image, Stop, stop.Token, out _));

        Assert.Equal(1, tables);

        void Stop(long bytes)
        {
            tables++;
            stop.Cancel();
        }
    }

    [Fact]
    public void Write_StoppedWhileItChecksTheTables_IsRefusedAndTouchesNothing()
    {
        var image = SparseImage.Make(_folder["image"], _scattered);
        var target = new RecordingTarget(new byte[256 * MiB]);
        var progress = new WriteProgress();
        using var stop = new CancellationTokenSource();
        var source = new WatchedSource(new FileSource(image.Path), () =>
        {
            if (progress is { Phase: WritePhase.Checking, TotalBytes: 8192 * 512 })
                stop.Cancel();
        });

        var outcome = ImageWriter.Write(image.Verified, [source], target, new WriteOptions(), progress, TimeProvider.System, stop.Token);

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains("cancelled", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(target.Writes);
    }

    private static long Check(SparseImage image, Action<long>? done, CancellationToken cancellation, out long wireBytes)
    {
        var size = new FileInfo(image.Path).Length;
        var mirrors = new SourceMirrors([new FileSource(image.Path)], size, new RetryPolicy(), TimeProvider.System);
        // Fewer chunks than the tables lie in.
        using var cache = new SourceCache(mirrors, ChunkLayout.ForSource(size), image.Verified.Source.Matches, _ => false, capacity: 6, connections: 1);
        using var source = new SourceCursor(cache);
        Assert.True(Qcow2Image.TryOpen(source, new TableMemory(MiB, 40 * MiB), out var opened, out var rejection), rejection?.ToString());
        source.End();
        var before = mirrors.WireBytes;
        Assert.Null(opened.CheckTables(done, cancellation));
        wireBytes = mirrors.WireBytes - before;
        return opened.StoredTableBytes;
    }

    private sealed class WatchedSource(IByteSource source, Action beforeRead) : IByteSource
    {
        public string Name => source.Name;

        public IByteReader Connect(long fileSize, bool isInOrder) => new Reader(source.Connect(fileSize, isInOrder), beforeRead);

        private sealed class Reader(IByteReader reader, Action beforeRead) : IByteReader
        {
            public long Received => reader.Received;

            public bool IsWhole => reader.IsWhole;

            public void Open(long offset, long length) => reader.Open(offset, length);

            public void Read(Span<byte> buffer)
            {
                beforeRead();
                reader.Read(buffer);
            }

            public void Abort() => reader.Abort();

            public void Dispose() => reader.Dispose();
        }
    }
}
