using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Formats.Qcow2;

/// <summary>
/// A qcow2 image: L1 → L2 → cluster (qcow2.rst, "Cluster mapping"). The L1 table is held whole; of the L2 tables only as many as the budget
/// allows, since a disk of 1 TiB in clusters of 64 KiB has 128 MiB of them. The rest is read again when its part of the disk is planned.
/// </summary>
internal sealed class Qcow2Image : IDiskImage
{
    private const int ReadAhead = 32;

    // What an L2 table takes beside its bytes: its object, and its places in the dictionary and in the queue.
    private const int TableOverhead = 64;

    private readonly Qcow2Header _header;
    private readonly ulong[] _l1;
    private readonly SourceCursor _source;
    private readonly long _fileSize;
    private readonly Dictionary<int, byte[]> _tables = [];
    private readonly Queue<int> _tableAge = new();
    private readonly int _maxTables;
    private int _longestCompressed;

    private Qcow2Image(Qcow2Header header, ulong[] l1, SourceCursor source, TableMemory memory)
    {
        _header = header;
        _l1 = l1;
        _source = source;
        _fileSize = source.Layout.Size;
        _maxTables = (int)Math.Max(1, (memory.Wanted - L1Bytes(header) - TableMap.BytesFor(l1)) / (header.ClusterSize + TableOverhead));
    }

    public string Format => ImageFormat.Qcow2.Name;

    public string Compression => _longestCompressed == 0 ? "none" : _header.Codec == Codec.Zstd ? "zstd" : "zlib";

    public long DiskSize => _header.DiskSize;

    public int Granularity => _header.ClusterSize;

    public long TableBytes => L1Bytes(_header) + ((long)_maxTables * (_header.ClusterSize + TableOverhead));

    public long StoredTableBytes => TableMap.CountTables(_l1) * _header.ClusterSize;

    public int MaxCompressedLength => _longestCompressed;

    public IReadOnlyList<string> Features =>
    [
        $"version {_header.Version}",
        $"clusters of {_header.ClusterSize} bytes",
        .. _header.HasSubclusters ? ["subclusters"] : Array.Empty<string>(),
        .. _header.IsDirty ? ["was not closed cleanly (only its refcounts may be wrong)"] : Array.Empty<string>(),
        .. _header.Snapshots > 0 ? [$"{_header.Snapshots} internal snapshot(s), not written"] : Array.Empty<string>(),
    ];

    /// <param name="source">Its bytes; the image reads its tables through it as long as it is used.</param>
    /// <param name="memory">For the L1 table and as many L2 tables as it allows; one is always held.</param>
    /// <param name="image">The image, its tables not yet checked.</param>
    /// <param name="rejection">Why not.</param>
    public static bool TryOpen(SourceCursor source, TableMemory memory, [NotNullWhen(true)] out Qcow2Image? image, [NotNullWhen(false)] out Rejection? rejection)
    {
        image = null;
        var head = new byte[Math.Min(Qcow2Header.MaxLength, source.Layout.Size)];
        source.Read(0, head);
        if (!Qcow2Header.TryParse(head, source.Layout.Size, out var header, out rejection))
            return false;
        if (L1Bytes(header) + header.ClusterSize is var needed && needed > memory.Most)
            return RefuseTables(needed, memory, out rejection);
        var l1 = new ulong[header.L1Entries];
        var bytes = MemoryMarshal.AsBytes(l1.AsSpan());
        source.Read(header.L1Offset, bytes);
        if (BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(l1, l1);
        needed += TableMap.BytesFor(l1);
        if (needed > memory.Most)
            return RefuseTables(needed, memory, out rejection);
        image = new Qcow2Image(header, l1, source, memory);
        return true;
    }

    public Rejection? CheckTables(Action<long>? done, CancellationToken cancellation)
    {
        for (var i = 0; i < _l1.Length; i++)
        {
            if (!L1Entry.TryParse(_l1[i], _header, _fileSize, out _, out var fault))
                return Damaged($"entry {i} of its L1 table {fault}.");
        }

        using var map = new TableMap(_header, _l1);
        if (CheckPlaces(map) is { } overlap)
            return overlap;

        // In the order of the file: each source chunk comes once, wherever a careless or hostile hand has put the tables. In the order of the disk,
        // tables of 512 bytes that lie scattered would fetch two thousand times their size.
        var announced = new Queue<SourceUse>();
        for (var (i, next) = (0, 0); i < map.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (; next < map.Count && announced.Count < ReadAhead; next++)
                announced.Enqueue(_source.Announce(map.TableAt(next), _header.ClusterSize));
            _source.Begin(announced.Dequeue());
            var fault = CheckTable(map.EntryAt(i), map);
            _source.End();
            if (fault is not null)
                return fault;
            done?.Invoke(_header.ClusterSize);
        }
        return null;
    }

    public void Map(long offset, int length, List<Extent> extents)
    {
        var end = Math.Min(offset + length, DiskSize);
        for (var at = offset; at < end;)
        {
            var cluster = at >> _header.ClusterBits;
            var (l1, inTable) = ((int)(cluster / _header.L2Entries), (int)(cluster % _header.L2Entries));
            var tableEnd = Math.Min(end, (l1 + 1) * _header.L2Covers);
            if (TableAt(l1) == 0)
            {
                at = tableEnd;
                continue;
            }
            for (var table = Table(l1); at < tableEnd; at += _header.ClusterSize, inTable++)
            {
                // Every entry has passed CheckTables, and the cache lets no other byte in.
                _ = TryEntry(table, inTable, at, out var entry, out _);
                Append(extents, (int)(at - offset), entry);
            }
        }
        _source.End();
    }

    private void Append(List<Extent> extents, int at, L2Entry entry)
    {
        switch (entry.Kind)
        {
            case L2Kind.Zero:
                break;
            case L2Kind.Compressed:
                extents.Add(new Extent(at, _header.ClusterSize, _header.Codec, entry.Source, entry.SourceLength));
                break;
            case L2Kind.Data when entry.Allocated == uint.MaxValue:
                AppendPlain(extents, at, entry.Source, entry.SourceLength);
                break;
            case L2Kind.Data:
                var size = _header.ClusterSize / L2Entry.Subclusters;
                for (var bits = entry.Allocated; bits != 0;)
                {
                    var first = BitOperations.TrailingZeroCount(bits);
                    var count = BitOperations.TrailingZeroCount(~(bits >> first));
                    var present = Math.Min((first + count) * size, entry.SourceLength) - (first * size);
                    if (present > 0)
                        AppendPlain(extents, at + (first * size), entry.Source + (first * size), present);
                    bits &= ~((uint)((1UL << count) - 1) << first);
                }
                break;
        }
    }

    // Clusters that follow each other on the disk and in the file are one extent.
    private static void AppendPlain(List<Extent> extents, int at, long source, int length)
    {
        if (extents.Count > 0 && extents[^1] is { Codec: Codec.Plain } last && last.At + last.Length == at && last.Source + last.Length == source)
            extents[^1] = last with { Length = last.Length + length, SourceLength = last.SourceLength + length };
        else
            extents.Add(new Extent(at, length, Codec.Plain, source, length));
    }

    private Rejection? CheckPlaces(TableMap map)
    {
        if (map.FindShared() is var (first, second))
            return Refused($"entries {first} and {second} of its L1 table name the same L2 table at byte {TableAt(first)}.", "Each part of a disk has a table of its own: the file is damaged, or was made to inflate without end. Make it again from a disk that you trust.");
        for (var i = 0; i < _l1.Length; i++)
        {
            if (TableAt(i) is var table and not 0 && map.IsOnL1(table))
                return Refused($"entry {i} of its L1 table names an L2 table at byte {table}, which is in the L1 table itself.", "One of the two was overwritten, and with it part of the disk: make the image again.");
        }
        return null;
    }

    private Rejection? CheckTable(int l1, TableMap map)
    {
        var table = Table(l1);
        var first = l1 * _header.L2Covers;
        for (var i = 0; i < _header.L2Entries && first + ((long)i << _header.ClusterBits) < DiskSize; i++)
        {
            var at = first + ((long)i << _header.ClusterBits);
            if (!TryEntry(table, i, at, out var entry, out var fault))
                return Damaged($"the L2 entry for byte {at} of the disk {fault}.");
            if (entry.Kind == L2Kind.Compressed)
                _longestCompressed = Math.Max(_longestCompressed, entry.SourceLength);
            if (entry.Kind != L2Kind.Zero && map.FindUnder(entry.Source, entry.SourceLength) is { } under)
                return LiesOn(entry, at, under);
        }
        return null;
    }

    private static Rejection LiesOn(L2Entry entry, long at, string under) => entry.Kind == L2Kind.Compressed
        ? Refused($"the compressed bytes for byte {at} of the disk ({entry.SourceLength} at byte {entry.Source} of the file) lie on {under}.", "Two things in one place cannot both be right: make the image again ('qemu-img check' tells more).")
        : Refused($"the cluster for byte {at} of the disk (byte {entry.Source} of the file) lies on {under}.", "The disk would hold the image's own tables for data: make the image again ('qemu-img check' tells more).");

    private bool TryEntry(byte[] table, int index, long at, out L2Entry entry, out string fault)
    {
        var bytes = table.AsSpan(index * _header.L2EntrySize, _header.L2EntrySize);
        var bitmap = _header.HasSubclusters ? BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) : 0;
        var needed = (int)Math.Min(_header.ClusterSize, DiskSize - at);
        return L2Entry.TryParse(BinaryPrimitives.ReadUInt64BigEndian(bytes), bitmap, _header, needed, _fileSize, out entry, out fault);
    }

    private static long L1Bytes(Qcow2Header header) => (long)header.L1Entries * sizeof(ulong);

    private long TableAt(int l1) => (long)(_l1[l1] & L1Entry.OffsetMask);

    private byte[] Table(int l1)
    {
        if (_tables.TryGetValue(l1, out var table))
            return table;
        // The disk is planned from its start to its end, so the oldest table is the one that is not needed again.
        table = _tables.Count < _maxTables || !_tables.Remove(_tableAge.Dequeue(), out var oldest) ? new byte[_header.ClusterSize] : oldest;
        _source.Read(TableAt(l1), table);
        _tables.Add(l1, table);
        _tableAge.Enqueue(l1);
        return table;
    }

    private static bool RefuseTables(long needed, TableMemory memory, [NotNullWhen(false)] out Rejection? rejection) => Qcow2Header.Refuse(
        $"its tables need {needed >> 10} KiB of memory, but {Math.Max(0, memory.Most) >> 10} KiB may be used.", "Convert it with larger clusters ('qemu-img convert -O qcow2 -c -o cluster_size=64k').", out rejection);

    private static Rejection Damaged(string what) => Refused(what, Qcow2Header.Damaged);

    private static Rejection Refused(string what, string remedy)
    {
        _ = Qcow2Header.Refuse(what, remedy, out var rejection);
        return rejection!;
    }
}
