using Baremetal.Trust;

namespace Baremetal.Imaging.Formats;

/// <summary>A disk image as the writing loop sees it. Not for two threads at once.</summary>
public interface IDiskImage
{
    /// <summary>As the manifest names it: <c>raw</c>, <c>qcow2</c>.</summary>
    string Format { get; }

    /// <summary><c>none</c>, <c>zlib</c> or <c>zstd</c>; known once the tables are checked.</summary>
    string Compression { get; }

    /// <summary>Bytes of the disk that the image holds.</summary>
    long DiskSize { get; }

    /// <summary>Ranges are mapped on multiples of this, in bytes; a power of two that divides every chunk size.</summary>
    int Granularity { get; }

    /// <summary>The most bytes that one compressed extent has in the file; 0 without compression. Known once the tables are checked.</summary>
    int MaxCompressedLength { get; }

    /// <summary>The most bytes of tables that it holds.</summary>
    long TableBytes { get; }

    /// <summary>What is worth knowing about it, for people.</summary>
    IReadOnlyList<string> Features { get; }

    /// <summary>Bytes of tables in the file: what <see cref="CheckTables"/> reads.</summary>
    long StoredTableBytes { get; }

    /// <summary>Reads all tables once, in the order of the file, and checks every entry. Nothing may be written before this has passed.</summary>
    /// <param name="done">Told the bytes of each table that is done with.</param>
    /// <param name="cancellation">Ends it between two tables.</param>
    /// <returns>Null if all is well.</returns>
    Rejection? CheckTables(Action<long>? done, CancellationToken cancellation);

    /// <summary>Appends the extents of a range in the order of the disk. Bytes beyond the disk's end have none.</summary>
    void Map(long offset, int length, List<Extent> extents);
}

/// <summary>Bytes of tables that an image may hold: as many as are of use to it, and what it must have at once if that is more.</summary>
/// <param name="Wanted">For speed.</param>
/// <param name="Most">What cannot be read within this is refused.</param>
internal sealed record TableMemory(int Wanted, long Most);
