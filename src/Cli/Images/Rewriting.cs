using Baremetal.Imaging.Inspection;

namespace Baremetal.Cli.Images;

/// <summary>Puts an image into the order in which it is written, by <c>qemu-img convert</c>.</summary>
internal static class Rewriting
{
    /// <summary>From here on a write fetches so much more than the file that a rewrite pays off.</summary>
    public const double Worthwhile = 1.2;

    /// <summary>Makes a sequential, compressed qcow2 beside an image, which stays as it is.</summary>
    /// <returns>Its path.</returns>
    public static string Rewrite(Invocation call, string file, CancellationToken cancel)
    {
        var rewritten = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, $"{Path.GetFileNameWithoutExtension(file)}.rewritten.qcow2");
        NewFiles.Require(Path.GetDirectoryName(rewritten)!, Path.GetFileName(rewritten));
        // Before qemu-img sees it: it would open whatever file the image names as its backing.
        var found = ImageInspection.Of(file);
        if (found.Refused is { } refused)
            throw Failure.Refused(refused);
        try
        {
            SigningTool.QemuImg.Run(
                call.Shell.Variable("PATH"),
                "The image could not be rewritten",
                ["convert", "-f", found.Format, "-O", "qcow2", "-c", .. found.Compression == "zstd" ? ["-o", "compression_type=zstd"] : Array.Empty<string>(), file, rewritten],
                cancel);
        }
        catch
        {
            File.Delete(rewritten);
            throw;
        }
        return rewritten;
    }
}
