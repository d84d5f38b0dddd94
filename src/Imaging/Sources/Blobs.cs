using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>Small files that are known by their digest, such as indexes: in folders as <c>DIGEST.index</c>, on servers by that name or the digest alone.</summary>
public static class Blobs
{
    /// <param name="digest">Its digest; no other bytes are returned.</param>
    /// <param name="size">Its size in bytes, from the document that names it.</param>
    /// <param name="locations">Folders and URLs, asked one after the other.</param>
    /// <param name="retries">For transient failures.</param>
    /// <param name="time">The clock for retries and stalls.</param>
    /// <param name="blob">The bytes.</param>
    /// <param name="rejection">Why no location delivers them.</param>
    /// <param name="cancellation">Ends it.</param>
    public static bool TryFetch(
        Digest digest,
        long size,
        IEnumerable<string> locations,
        RetryPolicy retries,
        TimeProvider time,
        [NotNullWhen(true)] out byte[]? blob,
        [NotNullWhen(false)] out Rejection? rejection,
        CancellationToken cancellation)
    {
        rejection = null;
        blob = new byte[size];
        IByteSource[] sources = [.. locations.Select(location => At(location, digest, time))];
        var mirrors = new SourceMirrors(sources, size, retries, time, isInOrder: true);
        while (mirrors.TryConnect(0, cancellation) is { } mirror)
        {
            using var connection = mirror;
            while (connection.IsReady())
            {
                if (!connection.TryOpen(0, size) || !connection.TryRead(blob))
                    continue;
                if (Digest.Of(blob) == digest)
                    return true;
                connection.Reject($"it sent other bytes than those with the digest {digest}");
            }
            cancellation.ThrowIfCancellationRequested();
        }
        blob = null;
        rejection = new Rejection(mirrors.NoneLeft()!.Message);
        return false;
    }

    private static IByteSource At(string location, Digest digest, TimeProvider time) =>
        IsUrl(location) ? new BlobSource(location, digest, time) : new FileSource(Path.Combine(location, $"{digest}.index"));

    internal static bool IsUrl(string location) =>
        location.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || location.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
}
