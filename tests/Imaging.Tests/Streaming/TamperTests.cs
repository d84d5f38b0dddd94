using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>One flipped bit, wherever it is: not one byte that was not signed reaches the disk.</summary>
public sealed class TamperTests
{
    private const int DiskSize = 16 << 20;

    [Theory]
    [InlineData("raw")]
    [InlineData("plain")]
    [InlineData("zlib", "-c")]
    [InlineData("zstd", "-c", "-o", "compression_type=zstd")]
    public void Source_WithOneBitFlippedInAnyChunk_WritesNothingUnverified(string name, params string[] options)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 3);
        var image = TestImage.Sign(name == "raw" ? raw : folder.Convert(raw, "disk.qcow2", options));
        var (file, disk) = (File.ReadAllBytes(image.Path), File.ReadAllBytes(raw));
        var random = new Random(11);

        for (var chunk = 0; chunk < image.Verified.Source.Count; chunk++)
        {
            // A chunk of zeros is known by its digest and never asked for.
            if (image.Verified.Source.IsZero(chunk))
                continue;
            var (from, length) = (image.Verified.Source.Layout.OffsetOf(chunk), image.Verified.Source.Layout.LengthOf(chunk));
            File.WriteAllBytes(image.Path, Mutator.FlipBit(file, (from * 8) + random.NextInt64(length * 8L)));
            var target = new RecordingTarget(new byte[DiskSize]);

            var outcome = Writing.To(target, image);

            Assert.True(outcome.Status is WriteStatus.Refused or WriteStatus.Failed, $"chunk {chunk} of {name} was written");
            Assert.Contains($"chunk {chunk} of the image file", outcome.Reason!.Cause, StringComparison.Ordinal);
            AssertOnlySigned(target, disk);
            Assert.False(Disks.Boots(target.Disk), $"chunk {chunk}");
        }
    }

    [Fact]
    public void Index_WithAnyBitFlipped_IsRefused()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", DiskSize, seed: 3));
        var (disk, source) = (image.Verified.Disk.Bytes.ToArray(), image.Verified.Source.Bytes.ToArray());

        for (var bit = 0; bit < disk.Length * 8; bit += 97)
            Assert.False(VerifiedImage.TryVerify(image.Verified.Manifest, Mutator.FlipBit(disk, bit), source, out _, out _));
        for (var bit = 0; bit < source.Length * 8; bit += 97)
            Assert.False(VerifiedImage.TryVerify(image.Verified.Manifest, disk, Mutator.FlipBit(source, bit), out _, out _));
    }

    [Fact]
    public void DecodedBytes_OtherThanTheDiskIndex_AreNotWritten()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 3);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2", "-c"));
        var digests = image.Verified.Disk.Bytes.ToArray();
        digests[Digest.Size * 2] ^= 1;
        var lying = image with { Verified = image.Verified with { Disk = ChunkIndex.FromDigests(digests, image.Verified.Disk.Layout) } };
        var target = new RecordingTarget(new byte[DiskSize]);

        var outcome = Writing.To(target, lying);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("Chunk 2 of the disk", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain(target.Writes, write => write.Data is not null && write.Offset == 2 * 4 << 20);
        Assert.False(Disks.Boots(target.Disk));
    }

    [Fact]
    public void LyingMirror_BesideAGoodOne_IsDroppedAndNamed()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 3);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2", "-c"));
        var file = File.ReadAllBytes(image.Path);
        using var liar = new RangeServer(file, request => request.Number > 2 ? new Fault(Body: new byte[file.Length]) : null);
        using var honest = new RangeServer(file);
        var target = new RecordingTarget(new byte[DiskSize]);

        var outcome = Writing.From([new HttpSource(liar.Address, TimeProvider.System), new HttpSource(honest.Address, TimeProvider.System)], target, image);

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.All(outcome.Figures.DroppedSources, dropped => Assert.Contains(liar.Address.ToString(), dropped, StringComparison.Ordinal));
        Assert.Equal(File.ReadAllBytes(raw), target.Disk);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("zlib", "-c")]
    public void Mirrors_ThatLieInAnyChunk_WriteNothingUnverified(string name, params string[] options)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 3);
        var image = TestImage.Sign(name == "raw" ? raw : folder.Convert(raw, "disk.qcow2", options));
        var (file, disk) = (File.ReadAllBytes(image.Path), File.ReadAllBytes(raw));
        var random = new Random(12);
        int[] chunks = [.. Enumerable.Range(0, image.Verified.Source.Count).Where(chunk => !image.Verified.Source.IsZero(chunk))];

        foreach (var chunk in chunks)
        {
            var other = chunks[random.Next(chunks.Length)];
            Check($"the first lies in {chunk}", Lie(chunk), file, mustWrite: true);
            Check($"the second lies in {chunk}", file, Lie(chunk), mustWrite: true);
            Check($"both lie in {chunk}", Lie(chunk), Lie(chunk), mustWrite: false);
            Check($"one lies in {chunk}, the other in {other}", Lie(chunk), Lie(other), mustWrite: null);
        }

        byte[] Lie(int chunk)
        {
            var layout = image.Verified.Source.Layout;
            return Mutator.FlipBit(file, (layout.OffsetOf(chunk) * 8) + random.NextInt64(layout.LengthOf(chunk) * 8L));
        }

        void Check(string what, byte[] first, byte[] second, bool? mustWrite)
        {
            using var one = new RangeServer(first);
            using var two = new RangeServer(second);
            var target = new RecordingTarget(new byte[DiskSize]);

            var outcome = Writing.From([new HttpSource(one.Address, TimeProvider.System), new HttpSource(two.Address, TimeProvider.System)], target, image);

            Assert.True(mustWrite is null || outcome.Status == WriteStatus.Written == mustWrite, $"{name}, {what}: {outcome.Status} {outcome.Reason}");
            AssertOnlySigned(target, disk);
            // All or nothing: with both lying, one may still have been dropped after all its true chunks were had.
            if (outcome.Status == WriteStatus.Written)
                Assert.True(target.Disk.AsSpan().SequenceEqual(disk), $"{name}, {what}: the disk differs");
            else
                Assert.False(Disks.Boots(target.Disk), $"{name}, {what}: a failed write boots");
        }
    }

    private static void AssertOnlySigned(RecordingTarget target, byte[] signed)
    {
        foreach (var write in target.Writes.Where(write => write.Data is not null))
            Assert.True(signed.AsSpan((int)write.Offset, (int)write.Length).SequenceEqual(write.Data), $"unsigned bytes at {write.Offset}");
    }
}
