using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary>Where the indexes of a manifest lie: <c>SHA256.index</c>, beside it or in <c>--blobs DIR</c>.</summary>
internal static class IndexFiles
{
    public const string Option = "--blobs";

    /// <summary>2^21 chunks of 32 bytes, the most that a manifest can name.</summary>
    private const int MaxBytes = 64 << 20;

    public static string PathOf(IndexReference index, string manifestFile, string? blobs) =>
        Path.Combine(blobs ?? Path.GetDirectoryName(Path.GetFullPath(manifestFile))!, NameOf(index));

    public static string NameOf(IndexReference index) => $"{index.Sha256}.index";

    public static byte[] Read(IndexReference index, string manifestFile, string? blobs)
    {
        var path = PathOf(index, manifestFile, blobs);
        return File.Exists(path) || blobs is not null
            ? InputFile.Read(path, "index", MaxBytes)
            : throw Failure.NotFound($"The index {path} does not exist.", $"It lies beside the manifest where the image was signed; copy it, or give {Option} DIR.");
    }
}
