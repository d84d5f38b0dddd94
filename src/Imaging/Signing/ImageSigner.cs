using Baremetal.Trust;

namespace Baremetal.Imaging.Signing;

/// <summary>What a signer says about an image besides its bytes.</summary>
/// <param name="Name">Of the image.</param>
/// <param name="Version">Free text.</param>
/// <param name="Release">Only grows.</param>
/// <param name="CreatedAt">Now.</param>
/// <param name="Arch">Null: as detected.</param>
/// <param name="Firmware">Null: as detected.</param>
/// <param name="NotAfter">The end of its life, if it has one.</param>
/// <param name="Provenance">Where it came from, as the signer checked it.</param>
/// <param name="Partition">What the disk was made of, if it was not a disk before.</param>
public sealed record ImageStatement(
    string Name,
    string Version,
    ulong Release,
    DateTimeOffset CreatedAt,
    string? Arch = null,
    string[]? Firmware = null,
    DateTimeOffset? NotAfter = null,
    Provenance? Provenance = null,
    PartitionImage? Partition = null);

/// <summary>A signed image: the envelope and the two indexes that it names.</summary>
public sealed record SignedImage(ImageManifest Manifest, byte[] Envelope, byte[] DiskIndex, byte[] SourceIndex)
{
    /// <summary>Writes <c>NAME.dsse.json</c> and two <c>SHA256.index</c>: what a verifier looks for beside each other.</summary>
    /// <returns>The manifest's path.</returns>
    public string SaveTo(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, $"{Manifest.Predicate.Disk.Index.Sha256}.index"), DiskIndex);
        File.WriteAllBytes(Path.Combine(folder, $"{Manifest.Predicate.Source.Index.Sha256}.index"), SourceIndex);
        var path = Path.Combine(folder, $"{Manifest.Predicate.Name}.dsse.json");
        File.WriteAllBytes(path, Envelope);
        return path;
    }
}

/// <summary>Signs what was measured.</summary>
public static class ImageSigner
{
    public static SignedImage Sign(MeasuredImage image, ImageStatement statement, params ReadOnlySpan<SigningKey> keys)
    {
        var manifest = ImageManifest.Of(
            new ImagePredicate(
                statement.Name,
                statement.Version,
                statement.Arch ?? image.Layout.Boot.Arch,
                statement.Firmware ?? [.. image.Layout.Boot.Firmware],
                statement.Release,
                statement.CreatedAt,
                new DiskContent(image.Disk.Layout.Size, image.Layout.SectorSize, image.Disk.Layout.ChunkSize, image.Disk.Count, ChunkedContent.Sha256, Reference(image.Disk)),
                new SourceContent(image.Format, image.Compression, image.Source.Layout.Size, image.Source.Layout.ChunkSize, image.Source.Count, ChunkedContent.Sha256, Reference(image.Source)),
                statement.NotAfter,
                statement.Provenance,
                statement.Partition),
            image.DiskDigest,
            image.SourceDigest);
        var envelope = Envelope.Sign(ImageManifest.PayloadType, manifest.ToPayload(), keys);
        return new SignedImage(manifest, envelope, image.Disk.Bytes.ToArray(), image.Source.Bytes.ToArray());
    }

    private static IndexReference Reference(ChunkIndex index) => new(Digest.Of(index.Bytes), index.Bytes.Length);
}
