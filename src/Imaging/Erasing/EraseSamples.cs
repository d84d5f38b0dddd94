using Baremetal.Imaging.Native;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing;

/// <summary>The blocks of a disk that are read to see whether it is erased.</summary>
internal static class EraseSamples
{
    public const int Length = 4096;

    private const int RandomCount = 256;

    /// <summary>Where they are: the ends of all ranges, where the marks were, and some places that nobody can foresee.</summary>
    public static List<long> Of(List<(long From, long End)> ranges, EraseDepth depth)
    {
        var samples = new List<long>();
        // Zeros are written, and a few places tell whether they stayed; a discard is a wish, which any piece may have been left out of.
        if (depth == EraseDepth.Discard)
            ranges = [.. ranges.SelectMany(DiskEraser.Pieces)];
        foreach (var (from, end) in ranges.Where(range => range.End - range.From >= Length))
        {
            samples.Add(from);
            samples.Add(end - Length);
            for (var i = 0; i < Math.Max(1, RandomCount / ranges.Count); i++)
                samples.Add(from + (Random.Shared.NextInt64((end - from) / Length) * Length));
        }
        return samples;
    }

    /// <summary>Why a block is not erased; null if it reads as zeros.</summary>
    public static string? FaultAt(IBlockTarget disk, long at, AlignedBuffer block)
    {
        if (DiskFailure.Of(() => disk.Read(at, block.Span)) is { } failure)
            return failure;
        return block.Span.ContainsAnyExcept((byte)0) ? "it was erased, and is not read as zeros" : null;
    }
}
