using System.Diagnostics.CodeAnalysis;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Images;
using Baremetal.Trust;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.VmImages;

/// <summary>
/// As much of a registry (OCI distribution specification, 1.1) as a pull by digest needs, for the one repository <c>vm</c>. Nothing is pushed to it, and
/// no tag is resolved: who pulls knows the digest, and checks all that comes against it.
/// </summary>
internal static class RegistryEndpoints
{
    public const string Root = "/v2/";
    public const string Manifest = "/v2/vm/manifests/{reference}";
    public const string Blob = "/v2/vm/blobs/{digest}";

    /// <summary>What the image is pulled by, below the registry's address.</summary>
    public static string PathOf(VmImageRow image) => $"vm@{OciImage.Named(image.OciSha256)}";

    public static Ok Ping(HttpResponse response)
    {
        response.Headers["Docker-Distribution-API-Version"] = "registry/2.0";
        return TypedResults.Ok();
    }

    public static IResult GetManifest(string reference, IDatabase database, HttpResponse response)
    {
        if (!TryRead(reference, out var digest) || database.Read(sql => VmImageTable.ByOci(sql, digest.Value)) is not { } image)
            return Unknown("MANIFEST_UNKNOWN", $"There is no manifest '{reference}' here; images are pulled by digest.");
        response.Headers["Docker-Content-Digest"] = OciImage.Named(image.OciSha256);
        return TypedResults.Bytes(image.OciManifest, OciImage.ManifestType);
    }

    public static async Task<IResult> GetBlob(string digest, IDatabase database, BlobStore blobs, HttpContext http, CancellationToken cancel)
    {
        if (!TryRead(digest, out var wanted) || database.Read(sql => VmImageTable.ByPart(sql, wanted.Value)) is not { } image)
            return Unknown("BLOB_UNKNOWN", $"There is no blob '{digest}' here.");
        http.Response.Headers["Docker-Content-Digest"] = OciImage.Named(wanted.Value);
        if (wanted == image.ConfigSha256)
            return TypedResults.Bytes(image.OciConfig, "application/octet-stream");
        if (!blobs.TryFind(image.DiskSha256, out var disk) || VmImageLayer.LengthFor(disk.Length) != image.LayerBytes)
            return Unknown("BLOB_UNKNOWN", $"The disk of image {image.Name}:{image.Version} is not here any more; 'conductor image add' brings it back.");
        http.Response.ContentType = "application/octet-stream";
        http.Response.ContentLength = image.LayerBytes;
        if (HttpMethods.IsGet(http.Request.Method))
            await VmImageLayer.WriteAsync(http.Response.Body, disk, image.Format, cancel);
        return Results.Empty;
    }

    private static bool TryRead(string reference, [NotNullWhen(true)] out Digest? digest)
    {
        const string Prefix = "sha256:";
        digest = reference.StartsWith(Prefix, StringComparison.Ordinal) && Digest.TryParse(reference[Prefix.Length..], out var read) ? read : null;
        return digest is not null;
    }

    // As the specification has errors, and no problem details: who asks is a container engine.
    private static JsonHttpResult<RegistryErrors> Unknown(string code, string message) =>
        TypedResults.Json(new RegistryErrors([new RegistryError(code, message)]), OciJson.Default.RegistryErrors, statusCode: StatusCodes.Status404NotFound);
}

internal sealed record RegistryErrors(RegistryError[] Errors);

internal sealed record RegistryError(string Code, string Message);
