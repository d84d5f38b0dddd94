using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>A signed manifest that may be written now, with the two indexes that it names.</summary>
public sealed record VerifiedImage(ImageManifest Manifest, ChunkIndex Disk, ChunkIndex Source)
{
    /// <param name="manifest">As the trust anchor opened it.</param>
    /// <param name="diskIndex">Bytes said to be the disk index.</param>
    /// <param name="sourceIndex">Bytes said to be the source index.</param>
    /// <param name="image">All that a write needs to trust.</param>
    /// <param name="rejection">Which index is wrong.</param>
    public static bool TryVerify(
        ImageManifest manifest, byte[] diskIndex, byte[] sourceIndex, [NotNullWhen(true)] out VerifiedImage? image, [NotNullWhen(false)] out Rejection? rejection)
    {
        image = null;
        if (!ChunkIndex.TryVerify(diskIndex, manifest.Predicate.Disk, "disk", out var disk, out rejection)
            || !ChunkIndex.TryVerify(sourceIndex, manifest.Predicate.Source, "source", out var source, out rejection))
            return false;
        image = new VerifiedImage(manifest, disk, source);
        return true;
    }
}
