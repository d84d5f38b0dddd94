using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Sources;

namespace Baremetal.Imaging.Streaming;

/// <summary>A disk chunk and where its bytes come from. Used again and again, so that planning allocates nothing.</summary>
internal sealed class PlannedChunk
{
    public int Number { get; private set; }

    public long Offset { get; private set; }

    public int Length { get; private set; }

    /// <summary>Known to be all zeros: it has neither extents nor gaps.</summary>
    public bool IsZero { get; private set; }

    /// <summary>In the order of the source, so that a source chunk that is left is not needed again.</summary>
    public List<Extent> Extents { get; } = [];

    /// <summary>What no extent covers.</summary>
    public List<(int At, int Length)> Gaps { get; } = [];

    public SourceUse Use { get; } = new();

    public void Plan(int number, long offset, int length, bool isZero, IDiskImage image, int sourceChunkSize)
    {
        (Number, Offset, Length, IsZero) = (number, offset, length, isZero);
        Extents.Clear();
        Gaps.Clear();
        Use.Chunks.Clear();
        if (isZero)
            return;

        image.Map(offset, length, Extents);
        var covered = 0;
        foreach (var extent in Extents)
        {
            if (extent.At > covered)
                Gaps.Add((covered, extent.At - covered));
            covered = extent.At + extent.Length;
        }
        if (covered < length)
            Gaps.Add((covered, length - covered));

        Extents.Sort((a, b) => a.Source.CompareTo(b.Source));
        foreach (var extent in Extents)
        {
            var last = (int)((extent.Source + extent.SourceLength - 1) / sourceChunkSize);
            for (var chunk = (int)(extent.Source / sourceChunkSize); chunk <= last; chunk++)
            {
                if (Use.Chunks.Count == 0 || Use.Chunks[^1] < chunk)
                    Use.Chunks.Add(chunk);
            }
        }
    }
}
