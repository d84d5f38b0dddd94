using System.Buffers.Binary;
using Baremetal.Imaging.Signing;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Signing;

public sealed class MeasuredImageTests
{
    // More than the cache holds, so that what is thrown out is read again.
    private const long ScatteredDisk = 96 << 20;

    [Theory]
    [InlineData("raw")]
    [InlineData("zlib", "-c")]
    [InlineData("small clusters", "-c", "-o", "cluster_size=4k")]
    public void Measure_AnImage_FindsTheDigestsOfItsFileAndDisk(string name, params string[] options)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", (30 << 20) + 512, seed: 4);
        var path = name == "raw" ? raw : folder.Convert(raw, "disk.qcow2", options);

        var (image, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.True(image is not null, rejection?.ToString());
        Assert.Equal(Sha256(raw), image.DiskDigest.ToString());
        Assert.Equal(Sha256(path), image.SourceDigest.ToString());
        Assert.Equal(SplitSha256(raw, image.Disk.Layout.ChunkSize), Convert.ToHexStringLower(image.Disk.Bytes));
        Assert.Equal(SplitSha256(path, image.Source.Layout.ChunkSize), Convert.ToHexStringLower(image.Source.Bytes));
    }

    [Fact]
    public void SourceReads_OfAFileInTheDisksOrder_IsOnce()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", ScatteredDisk, seed: 4), "disk.qcow2", "-c");

        var (image, _) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.InRange(image!.SourceReads, 0.9, 1.1);
    }

    [Fact]
    public void SourceReads_OfScatteredClusters_CountsWhatIsReadAgain()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", ScatteredDisk, seed: 4), "disk.qcow2");
        Scatter(path);
        Shell.Run("qemu-img", "check", "-q", path);

        var (image, _) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.InRange(image!.SourceReads, 3, 20);
        // What was rehearsed is what happens.
        using var key = SigningKey.Create();
        var target = new RecordingTarget(new byte[ScatteredDisk]);
        var outcome = Writing.To(target, TestImage.Sign(path), new WriteOptions(MemoryLimit: MemoryLimit.Wanted));
        Assert.Equal(WriteStatus.Written, outcome.Status);
        Assert.InRange(outcome.Figures.WireBytes / (double)new FileInfo(path).Length / image.SourceReads, 0.8, 1.25);
    }

    // Deals the clusters of data out anew: what a disk that was long in use looks like.
    private static void Scatter(string path)
    {
        const int cluster = 64 << 10;
        var file = File.ReadAllBytes(path);
        var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(40));
        var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(l1)) & 0x00ff_ffff_ffff_fe00);
        int[] used = [.. Enumerable.Range(0, (int)(ScatteredDisk / cluster)).Select(i => l2 + (i * 8)).Where(entry => (BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(entry)) >> 63) != 0)];
        ulong[] places = [.. used.Select(entry => BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(entry)))];
        ulong[] dealt = [.. places];
        new Random(7).Shuffle(dealt);
        var copy = (byte[])file.Clone();
        foreach (var (i, entry) in used.Index())
        {
            var (from, to) = ((int)(places[i] & 0xffff_ffff), (int)(dealt[i] & 0xffff_ffff));
            file.AsSpan(from, Math.Min(cluster, file.Length - from)).CopyTo(copy.AsSpan(to));
            BinaryPrimitives.WriteUInt64BigEndian(copy.AsSpan(entry), dealt[i]);
        }
        File.WriteAllBytes(path, copy);
    }

    [Fact]
    public void Measure_AClusterThatDoesNotDecode_IsRefusedNamingIt()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", 20 << 20, seed: 4), "disk.qcow2", "-c");
        using (var file = File.OpenWrite(path))
        {
            file.Position = 2 << 20;
            file.Write(new byte[4096]);
        }

        var (image, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.Null(image);
        Assert.Contains("does not decode", rejection!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_ADiskThatIsNoWholeNumberOfSectors_IsRefusedWithTheRemedy()
    {
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["disk"], new byte[1000]);

        var (image, rejection) = MeasuredImage.Measure(folder["disk"], null, TestContext.Current.CancellationToken);

        Assert.Null(image);
        Assert.Contains("no multiple of its sector size 512", rejection!.Cause, StringComparison.Ordinal);
        Assert.Contains("qemu-img resize", rejection.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void SaveTo_AFolder_WritesWhatAVerifierLooksFor()
    {
        using var folder = new TestFolder();
        var (image, _) = MeasuredImage.Measure(folder.MakeDisk("disk.raw", 5 << 20, seed: 4), null, TestContext.Current.CancellationToken);
        using var key = SigningKey.Create();

        var signed = ImageSigner.Sign(image!, new ImageStatement("debian", "12", 3, DateTimeOffset.UnixEpoch), key);
        var manifest = signed.SaveTo(folder["out"]);

        Assert.Equal(folder["out/debian.dsse.json"], manifest);
        Assert.All(
            new[] { signed.Manifest.Predicate.Disk.Index, signed.Manifest.Predicate.Source.Index },
            index => Assert.Equal(index.Sha256, Digest.Of(File.ReadAllBytes(folder[$"out/{index.Sha256}.index"]))));
    }

    private static string Sha256(string path) => Shell.Run("sha256sum", path)[..64];

    private static string SplitSha256(string path, int chunkSize) =>
        string.Concat(Shell.Run("sh", "-c", $"split -b {chunkSize} --filter=sha256sum '{path}'").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[..64]));
}
