using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Formats;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// The memory of a write, fixed before it begins: cached source chunks, the ends, tables, and a buffer for each worker. Fewer workers and
/// a smaller cache are slower, nothing else.
/// </summary>
/// <param name="Limit">What all of it may be.</param>
/// <param name="CachedChunks">Source chunks held; more than workers and connections together, or they could wait for each other.</param>
/// <param name="Connections">Threads that fetch.</param>
/// <param name="Tables">Bytes that the image may hold of its tables; what it must hold beyond the wanted ones, the workers go without.</param>
/// <param name="ForWorkers">Bytes left for the workers.</param>
internal sealed record Budget(MemoryLimit Limit, int CachedChunks, int Connections, TableMemory Tables, long ForWorkers)
{
    // Two: while one thread checks what it has read, the other reads.
    private const int WantedConnections = 2;

    // What all of this can use; more brings nothing.
    private const int WantedCacheBytes = 24 << 20;

    // The L2 tables of a disk of 64 GiB in clusters of 64 KiB.
    private const int WantedTableBytes = 8 << 20;

    // Readers that are no workers: whoever plans, reading a table.
    private const int OtherReaders = 1;

    private const int Spare = 2;

    /// <param name="limit">What may be used in all.</param>
    /// <param name="source">The source's chunks.</param>
    /// <param name="diskChunkSize">What a worker needs at least.</param>
    /// <param name="endBytes">Bytes of the ends that are held from the check to the write.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="rejection">The figure that is missing.</param>
    public static bool TryMake(MemoryLimit limit, ChunkLayout source, int diskChunkSize, long endBytes, [NotNullWhen(true)] out Budget? budget, [NotNullWhen(false)] out Rejection? rejection)
    {
        budget = null;
        rejection = null;
        var least = 1 + WantedConnections + OtherReaders + Spare;
        var forTables = Math.Min(WantedTableBytes, limit.Bytes / 8);
        // One slot more holds zeros.
        var room = limit.Bytes - endBytes - diskChunkSize - forTables - source.ChunkSize;
        var cached = Math.Clamp((int)(Math.Min(Math.Min(WantedCacheBytes, limit.Bytes / 3), room) / source.ChunkSize), least, 64);
        var left = limit.Bytes - ((long)(cached + 1) * source.ChunkSize) - endBytes;
        if (left < diskChunkSize)
        {
            rejection = Missing("at least ", diskChunkSize - left, limit);
            return false;
        }
        // A worker is needed more than tables that are held: those can be read again.
        var tables = (int)Math.Min(forTables, left - diskChunkSize);
        budget = new Budget(limit, cached, WantedConnections, new TableMemory(tables, left - diskChunkSize), left - tables);
        return true;
    }

    /// <summary>How many workers fit.</summary>
    public bool TryFitWorkers(IDiskImage image, int diskChunkSize, int cores, out int workers, [NotNullWhen(false)] out Rejection? rejection)
    {
        rejection = null;
        var each = (long)diskChunkSize + image.MaxCompressedLength;
        var left = ForWorkers + Tables.Wanted - image.TableBytes;
        var fitting = (int)Math.Min(CachedChunks - Connections - OtherReaders - Spare, left / each);
        workers = Math.Min(cores, fitting);
        if (workers >= 1)
            return true;
        rejection = Missing("", each - left, Limit);
        return false;
    }

    private static Rejection Missing(string how, long bytes, MemoryLimit limit) =>
        new($"Writing this image needs {how}{(bytes + (1 << 20) - 1) >> 20} MiB more memory than may be used.", limit.Remedy);
}
