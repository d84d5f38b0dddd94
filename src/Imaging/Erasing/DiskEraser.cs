using Baremetal.Imaging.Erasing.Device;
using Baremetal.Imaging.Native;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing;

/// <summary>Erases a disk, and reads some of it again.</summary>
public static class DiskEraser
{
    // What one bad sector takes with it in the report, and what an abort waits for.
    private const long PieceLength = 16 << 20;

    public static Erasure Erase(IBlockTarget disk, int sectorSize, EraseDepth depth, WriteProgress progress, TimeProvider time, CancellationToken cancel)
    {
        if (depth == EraseDepth.Secure)
            return DeviceEraser.Erase(disk, sectorSize, progress, time, cancel);
        var ranges = EraseRanges.Of(disk, sectorSize, depth);
        var (erased, failed) = (0L, 0L);
        string? firstFailure = null;
        progress.Begin(WritePhase.Zeroing, ranges.Sum(range => range.End - range.From));
        foreach (var (from, end) in ranges.SelectMany(Pieces))
        {
            cancel.ThrowIfCancellationRequested();
            var isHeard = true;
            var failure = DiskFailure.Of(() => isHeard = TryClear(disk, from, end - from, depth));
            if (!isHeard)
                return new Erasure(0, disk.Size, "it has no discard", 0);
            if (failure is not null)
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

        var samples = EraseSamples.Of(ranges, depth);
        var kept = new HashSet<long>();
        foreach (var (at, fault) in Remnants(disk, samples, progress, cancel))
        {
            firstFailure ??= $"byte {at}: {fault}";
            // Of a piece that was not discarded in one place, nobody knows that it was in any.
            var left = depth != EraseDepth.Discard ? EraseSamples.Length : kept.Add(at / PieceLength) ? Math.Min(PieceLength, disk.Size - (at / PieceLength * PieceLength)) : 0;
            erased -= left;
            failed += left;
        }
        return new Erasure(erased, failed, firstFailure, samples.Count);
    }

    /// <summary>Whether a disk reads as one that was erased by that depth, as far as samples tell: then it need not be erased again.</summary>
    public static bool IsErased(IBlockTarget disk, int sectorSize, EraseDepth depth, WriteProgress progress, CancellationToken cancel) =>
        !Remnants(disk, EraseSamples.Of(EraseRanges.Of(disk, sectorSize, depth), depth), progress, cancel).Any();

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

    private static bool TryClear(IBlockTarget disk, long offset, long length, EraseDepth depth)
    {
        if (depth == EraseDepth.Discard)
            return disk.TryDiscard(offset, length);
        disk.Zero(offset, length);
        return true;
    }

    internal static IEnumerable<(long From, long End)> Pieces((long From, long End) range)
    {
        for (var at = range.From; at < range.End; at += PieceLength)
            yield return (at, Math.Min(range.End, at + PieceLength));
    }
}
