using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Imaging.Signing;

/// <summary>
/// How much of an image file a write reads, found by a rehearsal: the same plan, the same cache and the memory that an agent takes, but
/// nothing is decoded and nothing written. A disk is written in its own order; where the file's is another, a chunk that held clusters for
/// several parts of the disk is thrown out in between and read again.
/// </summary>
internal static class SourceReads
{
    /// <param name="path">The image file.</param>
    /// <param name="source">Its chunks; those of zeros are never read.</param>
    /// <param name="disk">The disk's chunks, likewise.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>Bytes read, tables included, by the file's size: 1.0 for a file that is read once.</returns>
    public static double Rehearse(string path, ChunkIndex source, ChunkIndex disk, CancellationToken cancellation)
    {
        if (!Budget.TryMake(MemoryLimit.Promised(source.Bytes.Length + disk.Bytes.Length), source.Layout, disk.Layout.ChunkSize, DiskEnds.MostBytes(disk.Layout, disk.Layout.Size, 0), out var budget, out var rejection))
            throw new RejectedException(rejection);
        var mirrors = new SourceMirrors([new FileSource(path)], source.Layout.Size, new RetryPolicy(), TimeProvider.System);
        using var cache = new SourceCache(mirrors, source.Layout, (_, _) => true, source.IsZero, budget.CachedChunks, budget.Connections);
        using var stopped = cancellation.Register(() => cache.Fail(new OperationCanceledException()));
        using var tables = new SourceCursor(cache);
        if (!DiskImages.TryOpen(tables, budget.Tables with { Most = long.MaxValue }, out var image, out rejection) || (rejection = image.CheckTables(null, cancellation)) is not null)
            throw new RejectedException(rejection);

        using var plan = new ChunkPlan(image, cache, disk.Layout, Enumerable.Range(0, disk.Count), disk.IsZero, 2 * budget.CachedChunks);
        using var reader = new SourceCursor(cache);
        while (plan.TryTake(out var chunk))
        {
            reader.Begin(chunk.Use);
            foreach (var number in chunk.Use.Chunks)
                _ = reader.Peek(source.Layout.OffsetOf(number), 1);
            reader.End();
            plan.Return(chunk);
        }
        return (double)mirrors.WireBytes / source.Layout.Size;
    }
}
