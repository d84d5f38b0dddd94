using Baremetal.Api;
using Baremetal.Conductor.Database;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Images;

/// <summary>The image catalogue.</summary>
internal static class ImageEndpoints
{
    public static Results<Created<Image>, Ok<Image>> Add(AddImage ask, IDatabase database, TrustChainStore trust, BlobStore blobs, TimeProvider time)
    {
        var envelope = new byte[ask.ManifestEnvelope?.Length ?? 0];
        if (!Convert.TryFromBase64String(ask.ManifestEnvelope ?? "", envelope, out var length))
            throw Problems.Invalid("The manifest's envelope is not base64.");
        Array.Resize(ref envelope, length);
        if (!trust.TryGet(out var anchor, out var rejection) || !anchor.TryOpenManifest(envelope, time.GetUtcNow(), out var manifest, out var digest, out rejection))
            throw Problems.Refused(rejection.Cause, rejection.Remedy);
        var image = manifest.Predicate;
        var missing = ImageTable.BlobsOf(manifest).Where(blob => !blobs.Has(blob.Digest, blob.Size)).ToList();
        if (missing.Count > 0)
        {
            throw Problems.Refused(
                $"Image {image.Name}:{image.Version} is not here whole; missing: {string.Join(", ", missing.Select(blob => $"{blob.What} {blob.Digest} ({blob.Size} bytes)"))}.",
                "Upload each with PUT /blobs/sha256/DIGEST first.");
        }
        var row = new ImageRow { ManifestSha256 = digest, Name = image.Name, Version = image.Version, Envelope = envelope, Added = time.GetUtcNow() };
        var isNew = database.Write(tx => ImageTable.Add(tx, row));
        var stored = database.Read(sql => ImageTable.Get(sql, $"{image.Name}:{image.Version}")).ToApi();
        return isNew ? TypedResults.Created(Routes.For(Routes.Image, $"{image.Name}:{image.Version}"), stored) : TypedResults.Ok(stored);
    }

    public static Page<Image> List(IDatabase database, int? limit = null, string? after = null)
    {
        var size = Paging.Limit(limit);
        var from = (after ?? "").Split(':', 2);
        var rows = database.Read(sql => ImageTable.Page(sql, from[0], from.ElementAtOrDefault(1) ?? "", size + 1));
        return new Page<Image>([.. rows.Take(size).Select(row => row.ToApi())], rows.Count > size ? $"{rows[size - 1].Name}:{rows[size - 1].Version}" : null);
    }

    public static Image Show(string image, IDatabase database) => database.Read(sql => ImageTable.Get(sql, image)).ToApi();

    public static FileContentHttpResult Manifest(string image, IDatabase database) =>
        TypedResults.File(database.Read(sql => ImageTable.Get(sql, image)).Envelope, "application/json");

    public static NoContent Remove(string image, IDatabase database, BlobStore blobs)
    {
        foreach (var digest in database.Write(tx => ImageTable.Remove(tx, ImageTable.Get(tx.Sql, image))))
            blobs.Remove(digest);
        return TypedResults.NoContent();
    }
}
