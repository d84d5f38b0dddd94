using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

public sealed class ReuseTests
{
    private const int DiskSize = 40 << 20;
    private const int ChunkSize = 4 << 20;

    [Fact]
    public void Reuse_AfterACut_FetchesAndWritesOnlyWhatIsMissing()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 6);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2"));
        var file = File.ReadAllBytes(image.Path);
        var target = new RecordingTarget(new byte[DiskSize]);
        target.BeforeWrite = write => _ = write.Data is not null && target.Writes.Count(other => other.Data is not null) >= 3 ? throw new IOException("power cut") : 0;
        Assert.Equal(WriteStatus.Failed, Writing.To(target, image).Status);
        target.BeforeWrite = null;
        var there = Enumerable.Range(1, (DiskSize / ChunkSize) - 2).Count(chunk => image.Verified.Disk.Matches(chunk, target.Disk.AsSpan(chunk * ChunkSize, ChunkSize)));
        Assert.True(there > 0, "the cut came before anything was written");

        using var server = new RangeServer(file);
        var outcome = Writing.From([new HttpSource(server.Address, TimeProvider.System)], target, image, new WriteOptions(Reuse: true));

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal((long)there * ChunkSize, outcome.Figures.ReusedBytes);
        // Two of the image's ten chunks are ends, and they are always written.
        Assert.Equal(DiskSize - outcome.Figures.ReusedBytes, outcome.Figures.WrittenBytes + outcome.Figures.ZeroedBytes);
        Assert.InRange(outcome.Figures.WireBytes, 1, file.Length - outcome.Figures.ReusedBytes + (8 << 20));
        Assert.Equal(File.ReadAllBytes(raw), target.Disk);
    }

    [Fact]
    public void Reuse_OfTheSameImage_FetchesOnlyEndsAndTables()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 6);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2"));
        var target = new RecordingTarget(File.ReadAllBytes(raw));

        var outcome = Writing.To(target, image, new WriteOptions(Reuse: true));

        Assert.Equal(WriteStatus.Written, outcome.Status);
        Assert.Equal(DiskSize - (2 * ChunkSize), outcome.Figures.ReusedBytes);
        Assert.InRange(outcome.Figures.WireBytes, 1, (2 * ChunkSize) + (4 << 20));
        Assert.Equal(File.ReadAllBytes(raw), target.Disk);
    }

    [Fact]
    public void Reuse_OfADiskWithABadSector_WritesThatChunkAnew()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 6);
        var image = TestImage.Sign(raw);
        const long bad = (3 * ChunkSize) + 4096;
        var target = new RecordingTarget(File.ReadAllBytes(raw))
        {
            BeforeRead = (offset, length) => _ = offset <= bad && bad < offset + length ? throw new IOException("Input/output error") : 0,
        };

        var outcome = Writing.To(target, image, new WriteOptions(Reuse: true));

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal(DiskSize - (3 * ChunkSize), outcome.Figures.ReusedBytes);
        Assert.Equal(3, target.Writes.First(write => write.Data is not null).Offset / ChunkSize);
        Assert.Equal(File.ReadAllBytes(raw), target.Disk);
    }

    [Fact]
    public void WithoutReuse_EverythingIsWritten()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 6);
        var image = TestImage.Sign(raw);

        var outcome = Writing.To(new RecordingTarget(File.ReadAllBytes(raw)), image);

        Assert.Equal(0, outcome.Figures.ReusedBytes);
        Assert.Equal(DiskSize, outcome.Figures.WrittenBytes + outcome.Figures.ZeroedBytes);
    }
}
