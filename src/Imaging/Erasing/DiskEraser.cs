using Baremetal.Imaging.Native;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing;

public enum EraseDepth
{
    /// <summary>What firmware, kernels and tools know a disk's content by: the ends of the disk and of each partition. The data between stay.</summary>
    Metadata,

    /// <summary>All that can be addressed. What the disk has put aside by itself (spare sectors, spare flash) stays.</summary>
    Zero,
}

/// <summary>What became of a disk.</summary>
/// <param name="ErasedBytes">Read as zeros now, as far as samples tell.</param>
/// <param name="FailedBytes">Of pieces that the disk did not take, or did not keep.</param>
/// <param name="FirstFailure">Where and why; null if there is none.</param>
/// <param name="Samples">Blocks that were read again.</param>
public sealed record Erasure(long ErasedBytes, long FailedBytes, string? FirstFailure, int Samples);

/// <summary>Erases a disk, and reads some of it again.</summary>
public static class DiskEraser
{
    // Boot loaders, LVM, md, ZFS and file systems all have their marks within this.
    private const long EndLength = 4 << 20;

    // What one bad sector takes with it in the report, and what an abort waits for.
    private const long PieceLength = 16 << 20;

    private const int SampleLength = 4096;
    private const int RandomSamples = 256;

    public static Erasure Erase(IBlockTarget disk, int sectorSize, EraseDepth depth, WriteProgress progress, CancellationToken cancel)
    {
        var ranges = depth == EraseDepth.Zero ? [(0, disk.Size)] : Ends(disk, sectorSize);
        var (erased, failed, samples) = (0L, 0L, 0);
        string? firstFailure = null;
        progress.Begin(WritePhase.Zeroing, ranges.Sum(range => range.End - range.From));
        foreach (var (from, end) in ranges.SelectMany(Pieces))
        {
            cancel.ThrowIfCancellationRequested();
            if (Failure(() => disk.Zero(from, end - from)) is { } failure)
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
        if (Failure(disk.Flush) is { } lost)
            return new Erasure(0, erased + failed, firstFailure ?? $"the flush: {lost}", 0);

        using var block = new AlignedBuffer(SampleLength);
        foreach (var at in Samples(ranges))
        {
            cancel.ThrowIfCancellationRequested();
            samples++;
            var kept = true;
            if ((Failure(() => kept = IsZero(disk, at, block)) ?? (kept ? null : "it was erased, and is not read as zeros")) is not { } failure)
                continue;
            erased -= SampleLength;
            failed += SampleLength;
            firstFailure ??= $"byte {at}: {failure}";
        }
        return new Erasure(erased, failed, firstFailure, samples);
    }

    private static List<(long From, long End)> Ends(IBlockTarget disk, int sectorSize)
    {
        var ends = new List<(long From, long End)>();
        Add(0, disk.Size);
        foreach (var (from, end) in PartitionsOf(disk, sectorSize))
            Add(Math.Clamp(from, 0, disk.Size), Math.Clamp(end, 0, disk.Size));

        // As few as they can be: partitions begin where others end.
        var merged = new List<(long From, long End)>();
        foreach (var (from, end) in ends.Order())
        {
            if (merged.Count > 0 && from <= merged[^1].End)
                merged[^1] = (merged[^1].From, Math.Max(end, merged[^1].End));
            else
                merged.Add((from, end));
        }
        return merged;

        void Add(long from, long end)
        {
            if (end <= from)
                return;
            ends.Add((from, Math.Min(end, from + EndLength)));
            ends.Add((Math.Max(from, end - EndLength), end));
        }
    }

    // Of a table that is damaged nobody knows where its partitions were; the disk's own ends go all the same.
    private static IEnumerable<(long From, long End)> PartitionsOf(IBlockTarget disk, int sectorSize)
    {
        using var start = new AlignedBuffer((int)Math.Min(1 << 20, disk.Size));
        if (start.Length < sectorSize || Failure(() => disk.Read(0, start.Span)) is not null)
            return [];
        if (Gpt.TryRead(start.Span, sectorSize, out var gpt, out _) && gpt is not null)
            return [.. gpt.Partitions.Select(partition => (Bytes(partition.FirstLba), Bytes(partition.LastLba + 1)))];
        return Mbr.HasSignature(start.Span) ? [.. Mbr.Partitions(start.Span).Select(partition => (Bytes(partition.FirstLba), Bytes(partition.FirstLba + partition.Sectors)))] : [];

        long Bytes(long sectors) => Math.Min(sectors, disk.Size / sectorSize) * sectorSize;
    }

    private static IEnumerable<(long From, long End)> Pieces((long From, long End) range)
    {
        for (var at = range.From; at < range.End; at += PieceLength)
            yield return (at, Math.Min(range.End, at + PieceLength));
    }

    // The ends of all, where the marks were, and some that nobody can foresee.
    private static IEnumerable<long> Samples(List<(long From, long End)> ranges)
    {
        foreach (var (from, end) in ranges.Where(range => range.End - range.From >= SampleLength))
        {
            yield return from;
            yield return end - SampleLength;
            for (var i = 0; i < RandomSamples / ranges.Count; i++)
                yield return from + (Random.Shared.NextInt64((end - from) / SampleLength) * SampleLength);
        }
    }

    private static bool IsZero(IBlockTarget disk, long at, AlignedBuffer block)
    {
        disk.Read(at, block.Span);
        return !block.Span.ContainsAnyExcept((byte)0);
    }

    private static string? Failure(Action act)
    {
        try
        {
            act();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
