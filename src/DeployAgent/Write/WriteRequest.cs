using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>One write by hand: what the command line asks for.</summary>
internal sealed record WriteRequest(
    string Manifest,
    string[] Trust,
    string Blobs,
    string[] Sources,
    string Target,
    bool Reuse,
    bool ReadBack,
    DateTimeOffset? At)
{
    private const int ExitWritten = 0;
    private const int ExitFailed = 1;
    private const int ExitRefused = 4;

    private static readonly TimeSpan _displayed = TimeSpan.FromSeconds(0.25);

    /// <returns>The exit code.</returns>
    public int Run(IWriteDisplay display, TimeProvider time, CancellationToken cancellation)
    {
        try
        {
            if (!TryVerify(time, cancellation, out var image, out var rejection))
                return Refuse(display, rejection);
            return Write(image, display, time, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Refuse(display, new Rejection(e.Message));
        }
        catch (OperationCanceledException)
        {
            return Refuse(display, new Rejection("The write was cancelled."));
        }
    }

    private bool TryVerify(TimeProvider time, CancellationToken cancellation, [NotNullWhen(true)] out VerifiedImage? image, [NotNullWhen(false)] out Rejection? rejection)
    {
        image = null;
        var documents = new byte[Trust.Length][];
        for (var i = 0; i < Trust.Length; i++)
        {
            if (!SignedFile.Trust.TryRead(Trust[i], out var document, out rejection))
                return false;
            documents[i] = document;
        }
        if (!SignedFile.Manifest.TryRead(Manifest, out var signed, out rejection)
            || !TrustAnchor.TryWalk(documents, out var anchor, out rejection)
            || !anchor.TryOpenManifest(signed, At ?? time.GetUtcNow(), out var manifest, out _, out rejection)
            || !TryFetchIndex(manifest.Predicate.Disk.Index, time, cancellation, out var disk, out rejection)
            || !TryFetchIndex(manifest.Predicate.Source.Index, time, cancellation, out var source, out rejection))
            return false;
        return VerifiedImage.TryVerify(manifest, disk, source, out image, out rejection);
    }

    private bool TryFetchIndex(
        IndexReference index, TimeProvider time, CancellationToken cancellation, [NotNullWhen(true)] out byte[]? bytes, [NotNullWhen(false)] out Rejection? rejection) =>
        Imaging.Sources.Blobs.TryFetch(index.Sha256, index.Size, [Blobs], new RetryPolicy(), time, out bytes, out rejection, cancellation);

    private int Write(VerifiedImage image, IWriteDisplay display, TimeProvider time, CancellationToken cancellation)
    {
        var isNew = !File.Exists(Target);
        var (target, rejection) = BlockTarget.Open(Target, image.Manifest.Predicate.Disk.Size);
        if (target is null)
            return Refuse(display, rejection!);
        using (target)
        {
            var progress = new WriteProgress();
            var sources = Array.ConvertAll(Sources, source => ByteSource.At(source, time));
            WriteOutcome outcome;
            using (time.CreateTimer(_ => display.Show(progress), null, _displayed, _displayed))
                outcome = ImageWriter.Write(image, sources, target, new WriteOptions(Reuse, ReadBack), progress, time, cancellation);
            display.End(image.Manifest.Predicate, target.Name, outcome);
            if (outcome.Status == WriteStatus.Refused && isNew)
                File.Delete(Target);
            return outcome.Status switch
            {
                WriteStatus.Written => ExitWritten,
                WriteStatus.Failed => ExitFailed,
                _ => ExitRefused,
            };
        }
    }

    private static int Refuse(IWriteDisplay display, Rejection rejection)
    {
        display.Refuse(rejection);
        return ExitRefused;
    }
}
