using System.Data;
using Baremetal.Conductor.Database;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Images;

/// <summary>An image as the table has it. All that it says is read from its envelope, whose signatures held when it was added.</summary>
public sealed record ImageRow
{
    public Digest ManifestSha256 { get; init; }

    public required string Name { get; init; }

    public required string Version { get; init; }

    public required byte[] Envelope { get; init; }

    public DateTimeOffset Added { get; init; }

    public ImageManifest Manifest() =>
        Trust.Envelope.TryRead(Envelope, out _, out var payload, out var rejection) && ImageManifest.TryParse(payload, out var manifest, out rejection)
            ? manifest
            : throw new InvalidDataException($"The stored manifest of image {Name}:{Version} cannot be read: {rejection}");

    public Api.Image ToApi()
    {
        var image = Manifest().Predicate;
        return new Api.Image(
            Name, Version, image.Arch, image.Firmware, image.Source.Format, image.Source.Compression, image.Disk.Size, image.Source.Size,
            ManifestSha256.ToString(), Added,
            image.Partition is { } parts ? new Api.ImageParts(parts.FileSystem, $"{parts.RootSha256}", $"{parts.KernelSha256}", $"{parts.RamdiskSha256}", parts.KernelArguments) : null,
            image.Release);
    }
}

/// <summary>The images' statements.</summary>
internal static class ImageTable
{
    /// <summary>By <c>NAME:VERSION</c>, or by <c>NAME</c> where it has one version.</summary>
    public static ImageRow Get(IDbConnection sql, string image)
    {
        var parts = image.Split(':', 2);
        var rows = sql.Query<ImageRow>(
            $"SELECT * FROM images WHERE name = @name {(parts.Length == 2 ? "AND version = @version" : "")} ORDER BY version",
            new { name = parts[0], version = parts.ElementAtOrDefault(1) }).AsList();
        return rows.Count switch
        {
            1 => rows[0],
            0 => throw Problems.NotFound("image", image, "'conductor image list' shows all; 'conductor image add' adds one."),
            _ => throw Problems.Conflict("ambiguous", $"Image {image} has {rows.Count} versions: {string.Join(", ", rows.Select(row => row.Version))}.", $"Name one, such as {image}:{rows[^1].Version}."),
        };
    }

    public static byte[]? Envelope(IDbConnection sql, Digest manifest) =>
        sql.QuerySingleOrDefault<byte[]>("SELECT envelope FROM images WHERE manifest_sha256 = @manifest", new { manifest });

    public static List<ImageRow> Page(IDbConnection sql, string name, string version, int limit) =>
        sql.Query<ImageRow>(
            "SELECT * FROM images WHERE name > @name OR (name = @name AND version > @version) ORDER BY name, version LIMIT @limit",
            new { name, version, limit }).AsList();

    /// <returns>Whether it is new.</returns>
    public static bool Add(WriteTransaction tx, ImageRow image)
    {
        var there = tx.Sql.QuerySingleOrDefault<Digest?>("SELECT manifest_sha256 FROM images WHERE name = @Name AND version = @Version", new { image.Name, image.Version });
        if (there == image.ManifestSha256)
            return false;
        if (there is { } other)
            throw Problems.Conflict("exists", $"There is already an image {image.Name}:{image.Version}, with another manifest ({other}).", "Sign the new one with a version of its own, or remove the old one first.");
        tx.Sql.Execute("INSERT INTO images (manifest_sha256, name, version, envelope, added) VALUES (@ManifestSha256, @Name, @Version, @Envelope, @Added)", image);
        return true;
    }

    /// <returns>The blobs that no image names any more.</returns>
    public static IReadOnlyList<Digest> Remove(WriteTransaction tx, ImageRow image)
    {
        if (tx.Sql.QueryFirstOrDefault<string>("SELECT id FROM jobs WHERE manifest_sha256 = @ManifestSha256 AND finished IS NULL", new { image.ManifestSha256 }) is { } job)
            throw Problems.Conflict("in-use", $"Job {job} is deploying image {image.Name}:{image.Version}.", "Wait for its end, or abort it.");
        tx.Sql.Execute("DELETE FROM images WHERE manifest_sha256 = @ManifestSha256", new { image.ManifestSha256 });
        var needed = tx.Sql.Query<ImageRow>("SELECT * FROM images").SelectMany(row => BlobsOf(row.Manifest())).Select(blob => blob.Digest);
        return [.. BlobsOf(image.Manifest()).Select(blob => blob.Digest).Except(needed)];
    }

    public static IEnumerable<(string What, Digest Digest, long Size)> BlobsOf(ImageManifest manifest)
    {
        yield return ("image file", manifest.SourceDigest, manifest.Predicate.Source.Size);
        yield return ("source index", manifest.Predicate.Source.Index.Sha256, manifest.Predicate.Source.Index.Size);
        yield return ("disk index", manifest.Predicate.Disk.Index.Sha256, manifest.Predicate.Disk.Index.Size);
    }
}
