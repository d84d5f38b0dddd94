using Baremetal.Imaging.Native;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing;

/// <summary>Erases a disk, and reads some of it again.</summary>
public static class DiskEraser
{
    // What one bad sector takes with it in the report, and what an abort waits for.
    private const long PieceLength = 16 << 20;

    public static Erasure Erase(IBlockTarget disk, int sectorSize, EraseDepth depth, WriteProgress progress, CancellationToken cancel)
    {
        var ranges = EraseRanges.Of(disk, sectorSize, depth);
        var (erased, failed) = (0L, 0L);
        string? firstFailure = null;
        progress.Begin(WritePhase.Zeroing, ranges.Sum(range => range.End - range.From));
        foreach (var (from, end) in ranges.SelectMany(Pieces))
        {
            cancel.ThrowIfCancellationRequested();
            if (DiskFailure.Of(() => disk.Zero(from, end - from)) is { } failure)
            {
                failed += end - from;
                firstFailure ??= $"byte {from}: {failure}";
            }
            else
            {
                erased += end - from;
            }
            progress.Done(end - from);
        }
        if (DiskFailure.Of(disk.Flush) is { } lost)
            return new Erasure(0, erased + failed, firstFailure ?? $"the flush: {lost}", 0);

        var samples = EraseSamples.Of(ranges);
        foreach (var (at, fault) in Remnants(disk, samples, progress, cancel))
        {
            erased -= EraseSamples.Length;
            failed += EraseSamples.Length;
            firstFailure ??= $"byte {at}: {fault}";
        }
        return new Erasure(erased, failed, firstFailure, samples.Count);
    }

    /// <summary>Whether a disk reads as one that was erased by that depth, as far as samples tell: then it need not be erased again.</summary>
    public static bool IsErased(IBlockTarget disk, int sectorSize, EraseDepth depth, WriteProgress progress, CancellationToken cancel) =>
        !Remnants(disk, EraseSamples.Of(EraseRanges.Of(disk, sectorSize, depth)), progress, cancel).Any();

    // A disk that fails takes half a minute for each: whoever follows must see that it goes on.
    private static IEnumerable<(long At, string Fault)> Remnants(IBlockTarget disk, List<long> samples, WriteProgress progress, CancellationToken cancel)
    {
        progress.Begin(WritePhase.ReadingBack, (long)samples.Count * EraseSamples.Length);
        using var block = new AlignedBuffer(EraseSamples.Length);
        foreach (var at in samples)
        {
            cancel.ThrowIfCancellationRequested();
            if (EraseSamples.FaultAt(disk, at, block) is { } fault)
                yield return (at, fault);
            progress.Done(EraseSamples.Length);
        }
    }

    private static IEnumerable<(long From, long End)> Pieces((long From, long End) range)
    {
        for (var at = range.From; at < range.End; at += PieceLength)
            yield return (at, Math.Min(range.End, at + PieceLength));
    }
}
