using System.ComponentModel;
using System.Diagnostics;
using Baremetal.Imaging.Inspection;

namespace Baremetal.Cli.Images;

/// <summary>Puts an image into the order in which it is written, by <c>qemu-img convert</c>.</summary>
internal static class Rewriting
{
    /// <summary>From here on a write fetches so much more than the file that a rewrite pays off.</summary>
    public const double Worthwhile = 1.2;

    /// <summary>Makes a sequential, compressed qcow2 beside an image, which stays as it is.</summary>
    /// <returns>Its path.</returns>
    public static string Rewrite(string file, CancellationToken cancel)
    {
        var rewritten = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, $"{Path.GetFileNameWithoutExtension(file)}.rewritten.qcow2");
        NewFiles.Require(Path.GetDirectoryName(rewritten)!, Path.GetFileName(rewritten));
        // Before qemu-img sees it: it would open whatever file the image names as its backing.
        var found = ImageInspection.Of(file);
        if (found.Refused is { } refused)
            throw Failure.Refused(refused);
        try
        {
            Run("qemu-img", ["convert", "-f", found.Format, "-O", "qcow2", "-c", .. found.Compression == "zstd" ? ["-o", "compression_type=zstd"] : Array.Empty<string>(), file, rewritten], cancel);
        }
        catch
        {
            File.Delete(rewritten);
            throw;
        }
        return rewritten;
    }

    private static void Run(string tool, string[] arguments, CancellationToken cancel)
    {
        using var process = Start(new ProcessStartInfo(tool, arguments) { UseShellExecute = false, RedirectStandardError = true });
        using var stopped = cancel.Register(() => process.Kill(entireProcessTree: true));
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        cancel.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
            throw new Failure(ExitCodes.Failed, new($"{tool} could not rewrite the image: {said.Trim()}", "Is there room for it beside the image?"));
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new Failure(ExitCodes.Failed, new($"{start.FileName} cannot be started: {e.Message}.", "--rewrite needs it: install qemu-utils."));
        }
    }
}
