using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>Writes a verified image to a disk: <c>deploy-agent write</c> and the agent's step <c>write-image</c> are both this.</summary>
public static class ImageWriter
{
    /// <param name="image">The image, its documents verified.</param>
    /// <param name="sources">Where its file can be had; none needs trust.</param>
    /// <param name="target">The disk.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">To follow it.</param>
    /// <param name="time">The clock for retries, stalls and figures.</param>
    /// <param name="cancellation">Ends it: refused before the first write, failed after it.</param>
    public static WriteOutcome Write(
        VerifiedImage image,
        IReadOnlyList<IByteSource> sources,
        IBlockTarget target,
        WriteOptions options,
        WriteProgress progress,
        TimeProvider time,
        CancellationToken cancellation)
    {
        var begun = time.GetTimestamp();
        var mirrors = new SourceMirrors(sources, image.Manifest.Predicate.Source.Size, options.Retries ?? new RetryPolicy(), time,
            isInOrder: image.Manifest.Predicate.Source.Format == ImageFormat.Raw.Name);
        progress.CountWireBy(() => mirrors.WireBytes);
        progress.RemarkBy(() => mirrors.ReadWhole is { } server
            ? $"{server} does not answer ranges: the image is read to its end for what is checked before anything is written, and then once more."
            : mirrors.Awaited is { } failure ? $"{failure} It is asked again." : null);
        using var checks = new WriteChecks(image, mirrors, target, options, progress, cancellation);
        ImageWrite? write = null;
        Rejection? reason;
        var fault = WriteFault.Image;
        try
        {
            if (checks.TryPass(out write, out reason))
                write.Run();
        }
        catch (RejectedException e)
        {
            (reason, fault) = (e.Rejection, e.Fault);
        }
        catch (OperationCanceledException)
        {
            (reason, fault) = (new Rejection("The write was cancelled."), WriteFault.Cancelled);
        }
        catch (SourceException e)
        {
            (reason, fault) = (new Rejection(e.Message), WriteFault.Source);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            (reason, fault) = (new Rejection($"{target.Name}: {e.Message}"), WriteFault.Disk);
        }
        catch (Exception e)
        {
            // Its disk must not boot either, and whoever waits must be told.
            (reason, fault) = (new Rejection($"{target.Name}: the write ended by a fault of this program ({e.GetType().Name}: {e.Message}).", "Report it, with the image's name."), WriteFault.Program);
        }

        var status = reason is null ? WriteStatus.Written : write is { HasTouched: true } ? WriteStatus.Failed : WriteStatus.Refused;
        if (status == WriteStatus.Failed)
            write!.KeepUnbootable();
        else if (status == WriteStatus.Written)
            progress.Begin(WritePhase.Done, 0);
        return new WriteOutcome(status, reason, reason is null ? null : fault, new WriteFigures(
            progress.WireBytes, progress.WrittenBytes, progress.ZeroedBytes, progress.ReusedBytes, time.GetElapsedTime(begun), PeakMemory(), mirrors.Dropped));
    }

    /// <summary>The most memory that this process has had, in bytes (VmHWM).</summary>
    public static long PeakMemory()
    {
        foreach (var line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("VmHWM:", StringComparison.Ordinal) && long.TryParse(line.AsSpan(6).Trim("\t kB"), out var kibibytes))
                return kibibytes << 10;
        }
        return 0;
    }
}
