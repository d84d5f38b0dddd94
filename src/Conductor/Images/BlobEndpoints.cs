using Baremetal.Api;
using Baremetal.Trust;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Baremetal.Conductor.Images;

/// <summary>Content by digest: read by anyone, in ranges, for ever the same; written by operators.</summary>
internal static class BlobEndpoints
{
    /// <summary>The largest image that there is (2 TiB).</summary>
    private const long MostBytes = ChunkLayout.MaxSize;

    public static IResult Get(string digest, BlobStore blobs, HttpResponse response)
    {
        if (!blobs.TryFind(Parse(digest), out var file))
            throw Problems.NotFound("blob", digest, "Upload it with PUT, or ask another mirror.");
        response.Headers.CacheControl = "public, max-age=31536000, immutable";
        return TypedResults.PhysicalFile(file.FullName, "application/octet-stream", entityTag: new EntityTagHeaderValue($"\"{digest}\""), enableRangeProcessing: true);
    }

    public static async Task<NoContent> Put(string digest, BlobStore blobs, HttpRequest request, CancellationToken cancel)
    {
        request.HttpContext.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MostBytes;
        var wanted = Parse(digest);
        // Before anything is read: a client that asks first has sent nothing yet.
        if (request.ContentLength > blobs.FreeBytes)
            throw new ProblemException(Problems.NoRoom($"The upload is {request.ContentLength} bytes, and the conductor's disk has {blobs.FreeBytes} bytes free."));
        var found = await blobs.PutAsync(wanted, request.Body, cancel);
        return found == wanted
            ? TypedResults.NoContent()
            : throw Problems.Refused($"What was uploaded has the SHA-256 {found}, not {wanted}; it was not kept.", "The file was changed or cut on its way, or it is another one: upload it again.");
    }

    private static Digest Parse(string digest) => Digest.TryParse(digest, out var parsed)
        ? parsed
        : throw Problems.Invalid($"'{digest}' is not a SHA-256 digest.", "Give 64 lower-case hex digits.");
}
