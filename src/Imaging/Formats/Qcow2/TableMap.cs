using System.Runtime.InteropServices;
using Baremetal.Imaging.Native;

namespace Baremetal.Imaging.Formats.Qcow2;

/// <summary>
/// Where an image's header and tables lie. Nothing else may lie there, nor two tables in one place: QEMU never writes that (its own overlap
/// checks mark an image corrupt first), and a file of a few KiB whose L1 entries all name one table would be terabytes of disk to inflate.
/// Refcounts and snapshots are not among them, since nothing here reads them.
/// </summary>
internal sealed class TableMap : IDisposable
{
    // An L1 table of 32 MiB has 2^22 entries; a file of 2 TiB has 2^32 clusters of the smallest size.
    private const int EntryBits = 22;

    private readonly Qcow2Header _header;

    // For each L2 table its cluster in the file, and in the low bits the L1 entry that names it: sorted, so in the order of the file. It lies
    // outside the heap: it is gone before the workers take their memory.
    private readonly AlignedBuffer _memory;

    // The file's bytes around the last asked for in which no table lies: what follows each other in a file is asked for in that order.
    private long _gapStart;
    private long _gapEnd;

    /// <param name="header">The image's.</param>
    /// <param name="l1">Its L1 table, each entry checked.</param>
    public TableMap(Qcow2Header header, ReadOnlySpan<ulong> l1)
    {
        _header = header;
        _memory = new AlignedBuffer((int)BytesFor(l1));
        for (var i = 0; i < l1.Length; i++)
        {
            if (OffsetOf(l1[i]) is var table and not 0)
                Memory[Count++] = (table >> header.ClusterBits << EntryBits) | (uint)i;
        }
        Tables.Sort();
    }

    private Span<long> Memory => MemoryMarshal.Cast<byte, long>(_memory.Span);

    private Span<long> Tables => Memory[..Count];

    private long L1End => _header.L1Offset + ((long)_header.L1Entries * sizeof(ulong));

    /// <summary>How many L2 tables there are.</summary>
    public int Count { get; }

    /// <summary>Bytes that the map of a table holds.</summary>
    public static long BytesFor(ReadOnlySpan<ulong> l1) => CountTables(l1) * sizeof(long);

    public static long CountTables(ReadOnlySpan<ulong> l1)
    {
        long count = 0;
        foreach (var entry in l1)
            count += OffsetOf(entry) != 0 ? 1 : 0;
        return count;
    }

    /// <summary>Where the table lies that is this one's turn in the order of the file.</summary>
    public long TableAt(int turn) => Tables[turn] >> EntryBits << _header.ClusterBits;

    /// <summary>The L1 entry that names it.</summary>
    public int EntryAt(int turn) => (int)(Tables[turn] & ((1 << EntryBits) - 1));

    /// <summary>Two L1 entries that name one table, or null. All tables begin on clusters, so those that overlap at all are one.</summary>
    public (int First, int Second)? FindShared()
    {
        for (var i = 1; i < Count; i++)
        {
            if (TableAt(i) == TableAt(i - 1))
                return (EntryAt(i - 1), EntryAt(i));
        }
        return null;
    }

    /// <summary>Whether an L2 table lies where the L1 table does.</summary>
    public bool IsOnL1(long table) => table < L1End && table + _header.ClusterSize > _header.L1Offset;

    /// <summary>What the given bytes of the file overlap: the header or a table, to follow "lies on". Null if nothing.</summary>
    public string? FindUnder(long offset, long length)
    {
        var end = offset + length;
        if (offset >= _gapStart && end <= _gapEnd)
            return null;
        if (offset < _header.ClusterSize)
            return "the header";
        if (offset < L1End && end > _header.L1Offset)
            return "the L1 table";
        var next = Tables.BinarySearch((offset + _header.ClusterSize - 1) >> _header.ClusterBits << EntryBits);
        if (next < 0)
            next = ~next;
        var before = next > 0 ? TableAt(next - 1) + _header.ClusterSize : _header.ClusterSize;
        var after = next < Count ? TableAt(next) : long.MaxValue;
        if (offset < before)
            return $"the L2 table at byte {before - _header.ClusterSize}";
        if (end > after)
            return $"the L2 table at byte {after}";
        (_gapStart, _gapEnd) = offset < _header.L1Offset ? (before, Math.Min(after, _header.L1Offset)) : (Math.Max(before, L1End), after);
        return null;
    }

    public void Dispose() => _memory.Dispose();

    private static long OffsetOf(ulong entry) => (long)(entry & L1Entry.OffsetMask);
}
