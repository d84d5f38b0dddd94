using Baremetal.Imaging.Signing;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests;

/// <summary>An image file and the documents that make it writable.</summary>
internal sealed record TestImage(string Path, VerifiedImage Verified)
{
    /// <summary>Measures and signs as <c>conductor image sign</c> does.</summary>
    public static TestImage Sign(string path)
    {
        var (measured, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);
        Assert.True(measured is not null, rejection?.ToString());
        using var key = SigningKey.Create();
        var signed = ImageSigner.Sign(measured, new ImageStatement("test", "1", 1, DateTimeOffset.UnixEpoch), key);
        Assert.True(VerifiedImage.TryVerify(signed.Manifest, signed.DiskIndex, signed.SourceIndex, out var verified, out rejection), rejection?.ToString());
        return new TestImage(path, verified);
    }

    /// <summary>
    /// Documents that declare whatever a test wants of a file, as a careless or hostile signer might make them: the source index is true, the
    /// disk index is of zeros.
    /// </summary>
    public static TestImage Declare(string path, long diskSize, string format = "qcow2", int sectorSize = 512)
    {
        var file = File.ReadAllBytes(path);
        var source = Index(file, ChunkLayout.ForSource(file.Length));
        var disk = Index(new byte[diskSize], ChunkLayout.ForDisk(diskSize));
        var manifest = ImageManifest.Of(
            new ImagePredicate(
                "test", "1", "any", [], 1, DateTimeOffset.UnixEpoch,
                new DiskContent(diskSize, sectorSize, disk.Layout.ChunkSize, disk.Count, "sha256", new IndexReference(Digest.Of(disk.Bytes), disk.Bytes.Length)),
                new SourceContent(format, "none", file.Length, source.Layout.ChunkSize, source.Count, "sha256", new IndexReference(Digest.Of(source.Bytes), source.Bytes.Length))),
            default,
            Digest.Of(file));
        return new TestImage(path, new VerifiedImage(manifest, disk, source));
    }

    private static ChunkIndex Index(byte[] bytes, ChunkLayout layout)
    {
        var digests = new byte[layout.Count * Digest.Size];
        for (var i = 0; i < layout.Count; i++)
            Digest.Of(bytes.AsSpan((int)layout.OffsetOf(i), layout.LengthOf(i))).CopyTo(digests.AsSpan(i * Digest.Size));
        return ChunkIndex.FromDigests(digests, layout);
    }
}
