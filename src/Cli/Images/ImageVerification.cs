using Baremetal.Cli.Display;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary>The checks that an agent makes before it writes an image, made here with the same code.</summary>
internal static class ImageVerification
{
    public static ImageReport Verify(Invocation call, string manifestFile, string[] trust, string? blobs, string? file, CancellationToken cancel)
    {
        if (!Anchor(trust).TryOpenManifest(InputFile.Read(manifestFile, "image manifest"), call.Now, out var manifest, out var digest, out var rejection))
            throw Failure.Refused(rejection with { Cause = $"{manifestFile}: {rejection.Cause}" });

        var (disk, source) = (manifest.Predicate.Disk, manifest.Predicate.Source);
        if (!VerifiedImage.TryVerify(manifest, IndexFiles.Read(disk.Index, manifestFile, blobs), IndexFiles.Read(source.Index, manifestFile, blobs), out var image, out rejection))
            throw Failure.Refused(rejection);
        if (file is not null)
            RequireChunks(call, file, image.Source, cancel);
        return new ImageReport(manifestFile, digest, file, manifest.Predicate);
    }

    /// <summary>All versions of the trust document, walked as an agent walks them.</summary>
    public static TrustAnchor Anchor(string[] files) =>
        TrustAnchor.TryWalk([.. files.Select(path => InputFile.Read(path, "trust document"))], out var anchor, out var rejection)
            ? anchor
            : throw Failure.Refused(rejection with { Cause = $"{files[^1]}: {rejection.Cause}" });

    private static void RequireChunks(Invocation call, string path, ChunkIndex index, CancellationToken cancel)
    {
        if (!File.Exists(path))
            throw Failure.NotFound($"The image {path} does not exist.");
        var length = FileSource.LengthOf(path);
        if (length != index.Layout.Size)
            throw Failure.Refused($"{path} has {length} bytes; {index.Layout.Size} were signed.", "It was cut or belongs to another manifest; fetch it again.");

        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        using var progress = call.WantsJson ? null : new LocalProgress(call.Out, "Checking", length, call.Shell.Time);
        var buffer = new byte[index.Layout.ChunkSize];
        for (var chunk = 0; chunk < index.Count; chunk++)
        {
            cancel.ThrowIfCancellationRequested();
            var bytes = buffer.AsSpan(0, index.Layout.LengthOf(chunk));
            var offset = index.Layout.OffsetOf(chunk);
            var got = 0;
            for (int read; got < bytes.Length && (read = RandomAccess.Read(file, bytes[got..], offset + got)) > 0;)
                got += read;
            if (got < bytes.Length || !index.Matches(chunk, bytes))
                throw Failure.Refused($"Chunk {chunk} of {path} (bytes {offset} to {offset + bytes.Length - 1}) differs from what was signed.", "It was altered or damaged; fetch it again.");
            progress?.Report(offset + bytes.Length);
        }
    }
}
