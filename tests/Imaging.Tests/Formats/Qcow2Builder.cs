using System.Buffers.Binary;

namespace Baremetal.Imaging.Tests.Formats;

/// <summary>A qcow2 file, and the disk that it holds.</summary>
internal sealed record BuiltQcow2(byte[] File, byte[] Disk, string What);

/// <summary>
/// Makes legal qcow2 files of layouts that qemu-img never makes, each from a seed: everything but the header lies anywhere in the file, in any
/// order, with holes between; compressed streams share sectors and straddle clusters; and all kinds of clusters are mixed.
/// <code>
///  header | shuffled: refcount table, refcount blocks, L1, L2s, snapshots and their L1s, data clusters, areas of compressed streams, holes
/// </code>
/// Refcounts and the "copied" flags are right, so that <c>qemu-img check</c> has nothing to complain about.
/// </summary>
internal sealed class Qcow2Builder
{
    private const ulong Copied = 1UL << 63;
    private const ulong CompressedFlag = 1UL << 62;

    private readonly Random _random;
    private readonly int _clusterBits;
    private readonly int _cluster;
    private readonly int _version;
    private readonly bool _hasSubclusters;
    private readonly bool _isZstd;
    private readonly int _snapshots;
    private readonly int _refcountOrder;
    private readonly int _l2Entries;
    private readonly byte[] _disk;
    private readonly int _diskSize;
    private readonly Guest[] _guests;
    private readonly List<Item> _items = [];
    private readonly int _l1Entries;

    private Qcow2Builder(int seed, int mostBytes)
    {
        _random = new Random(seed);
        _clusterBits = _random.Next(9, 22);
        _cluster = 1 << _clusterBits;
        _version = _random.Next(4) == 0 ? 2 : 3;
        _hasSubclusters = _version == 3 && _clusterBits >= 14 && _random.Next(3) == 0;
        _isZstd = _version == 3 && _random.Next(2) == 0;
        _snapshots = _random.Next(3) == 0 ? _random.Next(1, 4) : 0;
        var clusters = _random.Next(1, Math.Clamp(mostBytes / _cluster, 3, 800) + 1);
        _disk = new byte[clusters * _cluster];
        _diskSize = _disk.Length - (512 * _random.Next(_cluster / 512));
        FillDisk();
        _l2Entries = _cluster / (_hasSubclusters ? 16 : 8);
        _l1Entries = ((clusters + _l2Entries - 1) / _l2Entries) + _random.Next(3);
        var hasCompressed = _random.Next(4) > 0;
        // One bit counts to one: enough where nothing is shared.
        _refcountOrder = _version == 2 || hasCompressed || _snapshots > 0 ? 4 + (_version == 2 ? 0 : _random.Next(3)) : _random.Next(7);
        _guests = new Guest[clusters];
        ChooseKinds(hasCompressed);
    }

    private enum Kind
    {
        Unallocated,
        Zero,
        ZeroAllocated,
        Plain,
        Subclusters,
        Compressed,
    }

    public static BuiltQcow2 Build(int seed, int mostBytes = 5 << 20) => new Qcow2Builder(seed, mostBytes).Build();

    private BuiltQcow2 Build()
    {
        var areas = PackStreams();
        var (tables, l1, snapshotTable, snapshotL1s) = AddTables();
        _items.AddRange(_guests.Where(guest => guest.Kind is Kind.Plain or Kind.ZeroAllocated or Kind.Subclusters).Select(guest => guest.Place = new Item(1)));
        for (var holes = _random.Next(4); holes > 0; holes--)
            _items.Add(new Item(_random.Next(1, 3)));
        var (refcountTable, blocks) = AddRefcounts();
        if (_random.Next(5) > 0)
        {
            var shuffled = _items.ToArray();
            _random.Shuffle(shuffled);
            _items.Clear();
            _items.AddRange(shuffled);
        }
        var clusters = 1;
        foreach (var item in _items)
        {
            item.At = clusters;
            clusters += item.Clusters;
        }

        var file = new byte[(long)clusters * _cluster];
        var refcounts = new int[clusters];
        refcounts[0] = 1;
        foreach (var item in new[] { refcountTable, l1, snapshotTable }.Concat(blocks).Concat(snapshotL1s).OfType<Item>())
            Count(refcounts, item.At, item.Clusters, 1);
        foreach (var table in tables.OfType<Item>())
            Count(refcounts, table.At, 1, 1 + _snapshots);
        foreach (var guest in _guests)
            CountGuest(refcounts, guest);

        WriteGuests(file, areas);
        WriteTables(file, tables, l1, snapshotL1s, refcounts);
        WriteSnapshotTable(file, snapshotTable, snapshotL1s);
        WriteRefcounts(file, refcountTable, blocks, refcounts);
        WriteHeader(file, l1, snapshotTable, refcountTable);
        var disk = _disk[.._diskSize];
        return new BuiltQcow2(file[..EndOf(file.Length)], disk, $"version {_version}, cluster bits {_clusterBits}, {(_isZstd ? "zstd" : "zlib")}{(_hasSubclusters ? ", subclusters" : "")}, {_snapshots} snapshots, {_diskSize} bytes, refcount order {_refcountOrder}");
    }

    private void FillDisk()
    {
        for (var at = 0; at < _disk.Length;)
        {
            var run = _disk.AsSpan(at, Math.Min(_disk.Length - at, 1 + (int)(_cluster * 3 * _random.NextDouble())));
            switch (_random.Next(4))
            {
                case 0:
                    _random.NextBytes(run);
                    break;
                case 1:
                    for (var i = 0; i < run.Length; i++)
                        run[i] = (byte)(i * 7 % (3 + (at % 90)));
                    break;
                case 2:
                    run.Fill((byte)_random.Next(256));
                    break;
            }
            at += run.Length;
        }
    }

    // What a kind cannot hold is zeros on the disk.
    private void ChooseKinds(bool hasCompressed)
    {
        var tableless = -1;
        for (var i = 0; i < _guests.Length; i++)
        {
            if (i % _l2Entries == 0)
                tableless = _random.Next(6) == 0 ? i / _l2Entries : -1;
            var kind = tableless >= 0 ? Kind.Unallocated : (Kind)_random.Next(6);
            if (kind == Kind.Compressed && !hasCompressed)
                kind = Kind.Plain;
            if (_version == 2 && kind is Kind.Zero or Kind.ZeroAllocated)
                kind = Kind.Unallocated;
            if (kind == Kind.Subclusters && !_hasSubclusters)
                kind = Kind.Plain;
            var guest = _guests[i] = new Guest(kind, tableless < 0);
            var bytes = _disk.AsSpan(i * _cluster, _cluster);
            if (kind is Kind.Unallocated or Kind.Zero or Kind.ZeroAllocated)
                bytes.Clear();
            if (_hasSubclusters)
                ChooseSubclusters(guest, bytes);
        }
    }

    private void ChooseSubclusters(Guest guest, Span<byte> bytes)
    {
        var zeros = (uint)_random.NextInt64(1L << 32);
        switch (guest.Kind)
        {
            case Kind.Unallocated when guest.HasTable && _random.Next(2) == 0:
                guest.Bitmap = (ulong)zeros << 32;
                break;
            case Kind.Zero:
                guest.Bitmap = (ulong)uint.MaxValue << 32;
                break;
            case Kind.ZeroAllocated:
                guest.Bitmap = (ulong)zeros << 32;
                break;
            case Kind.Plain:
                guest.Bitmap = uint.MaxValue;
                break;
            case Kind.Subclusters:
                var allocated = (uint)_random.NextInt64(1L << 32) | (_random.Next(2) == 0 ? 0xffff0000 : 0);
                guest.Bitmap = allocated | ((ulong)(zeros & ~allocated) << 32);
                for (var sub = 0; sub < 32; sub++)
                {
                    if (((allocated >> sub) & 1) == 0)
                        bytes.Slice(sub * _cluster / 32, _cluster / 32).Clear();
                }
                break;
        }
    }

    private List<(Item Item, byte[] Bytes)> PackStreams()
    {
        var areas = new List<(Item, byte[])>();
        var streams = new MemoryStream();
        var item = new Item(0);
        foreach (var guest in _guests.Index().Where(guest => guest.Item.Kind == Kind.Compressed).OrderBy(_ => _random.Next()).ToArray())
        {
            var stream = Compress(_disk.AsSpan(guest.Index * _cluster, _cluster));
            var at = streams.Length + (_random.Next(3) == 0 ? _random.Next(700) : 0);
            var most = 1 << (_clusterBits - 8);
            if ((at & 511) + stream.Length > most * 512)
                at = (at + 511) & ~511;
            if ((at & 511) + stream.Length > most * 512)
            {
                // Noise that got longer still: no entry could name so many sectors.
                (guest.Item.Kind, guest.Item.Bitmap) = (Kind.Plain, _hasSubclusters ? uint.MaxValue : 0);
                continue;
            }
            streams.SetLength(at);
            streams.Position = at;
            streams.Write(stream);
            (guest.Item.Place, guest.Item.InPlace, guest.Item.StreamLength) = (item, (int)at, stream.Length);
            if (_random.Next(6) == 0)
                Close();
        }
        Close();
        return areas;

        void Close()
        {
            if (streams.Length == 0)
                return;
            item.Clusters = (int)((streams.Length + _cluster - 1) / _cluster);
            item.Used = (int)streams.Length;
            _items.Add(item);
            areas.Add((item, streams.ToArray()));
            streams = new MemoryStream();
            item = new Item(0);
        }
    }

    private byte[] Compress(ReadOnlySpan<byte> data)
    {
        if (!_isZstd)
            return Compressors.Deflate(data, _random.Next(10), _random.Next(5));
        if (_random.Next(5) > 0)
            return Compressors.Zstd(data, _random.Next(-5, 12));
        // More than one frame is a stream too.
        var cut = _random.Next(1, data.Length);
        return [.. Compressors.Zstd(data[..cut], 1), .. Compressors.Zstd(data[cut..], 3)];
    }

    private (Item?[] Tables, Item L1, Item? SnapshotTable, Item[] SnapshotL1s) AddTables()
    {
        var tables = new Item?[_l1Entries];
        for (var i = 0; i < _guests.Length; i += _l2Entries)
        {
            if (_guests[i].HasTable)
                _items.Add(tables[i / _l2Entries] = new Item(1));
        }
        var l1Clusters = ((_l1Entries * 8) + _cluster - 1) / _cluster;
        var l1 = new Item(l1Clusters);
        _items.Add(l1);
        Item[] snapshotL1s = [.. Enumerable.Range(0, _snapshots).Select(_ => new Item(l1Clusters))];
        _items.AddRange(snapshotL1s);
        var snapshotTable = _snapshots == 0 ? null : new Item(((_snapshots * 128) + _cluster - 1) / _cluster);
        if (snapshotTable is not null)
            _items.Add(snapshotTable);
        return (tables, l1, snapshotTable, snapshotL1s);
    }

    private (Item Table, Item[] Blocks) AddRefcounts()
    {
        var perBlock = (_cluster * 8) >> _refcountOrder;
        var others = 1 + _items.Sum(item => item.Clusters);
        var (blocks, table) = (0, 0);
        while (blocks * perBlock < others + blocks + table)
        {
            blocks++;
            table = ((blocks * 8) + _cluster - 1) / _cluster;
        }
        var item = new Item(table);
        Item[] items = [.. Enumerable.Range(0, blocks).Select(_ => new Item(1))];
        _items.Add(item);
        _items.AddRange(items);
        return (item, items);
    }

    private void CountGuest(int[] refcounts, Guest guest)
    {
        if (guest.Place is null)
            return;
        if (guest.Kind != Kind.Compressed)
        {
            Count(refcounts, guest.Place.At, 1, 1 + _snapshots);
            return;
        }
        var from = ((long)guest.Place.At << _clusterBits) + guest.InPlace;
        var last = from + guest.StreamLength - 1;
        // Sectors beyond a stream's end may be claimed: whoever inflates ignores them.
        var sectors = (last / 512) - (from / 512) + 1;
        if (_random.Next(6) == 0 && sectors < 1 << (_clusterBits - 8) && (last / 512) + 1 < (long)(guest.Place.At + guest.Place.Clusters) * _cluster / 512)
            sectors++;
        guest.Sectors = (int)sectors;
        var end = ((from / 512) + sectors) * 512;
        var first = (int)(from >> _clusterBits);
        Count(refcounts, first, (int)((end - 1) >> _clusterBits) - first + 1, 1 + _snapshots);
    }

    private static void Count(int[] refcounts, int first, int clusters, int by)
    {
        for (var i = first; i < first + clusters; i++)
            refcounts[i] += by;
    }

    private void WriteGuests(byte[] file, List<(Item Item, byte[] Bytes)> areas)
    {
        foreach (var (item, bytes) in areas)
            bytes.CopyTo(file, OffsetOf(item));
        foreach (var (i, guest) in _guests.Index())
        {
            if (guest.Kind == Kind.ZeroAllocated)
                _random.NextBytes(file.AsSpan((int)OffsetOf(guest.Place!), _cluster));
            if (guest.Kind is not (Kind.Plain or Kind.Subclusters))
                continue;
            var place = file.AsSpan((int)OffsetOf(guest.Place!), _cluster);
            _disk.AsSpan(i * _cluster, _cluster).CopyTo(place);
            // What is not allocated there is nobody's, whatever it holds.
            for (var sub = 0; guest.Kind == Kind.Subclusters && sub < 32; sub++)
            {
                if (((guest.Bitmap >> sub) & 1) == 0)
                    _random.NextBytes(place.Slice(sub * _cluster / 32, _cluster / 32));
            }
        }
    }

    private void WriteTables(byte[] file, Item?[] tables, Item l1, Item[] snapshotL1s, int[] refcounts)
    {
        foreach (var (i, table) in tables.Index())
        {
            if (table is null)
                continue;
            Put64(file, OffsetOf(l1) + (i * 8), (ulong)OffsetOf(table) | (refcounts[table.At] == 1 ? Copied : 0));
            foreach (var snapshot in snapshotL1s)
                Put64(file, OffsetOf(snapshot) + (i * 8), (ulong)OffsetOf(table));
            for (var entry = 0; entry < _l2Entries && (i * _l2Entries) + entry < _guests.Length; entry++)
            {
                var guest = _guests[(i * _l2Entries) + entry];
                var at = OffsetOf(table) + (entry * (_hasSubclusters ? 16 : 8));
                Put64(file, at, EntryOf(guest, refcounts));
                if (_hasSubclusters)
                    Put64(file, at + 8, guest.Bitmap);
            }
        }
    }

    private ulong EntryOf(Guest guest, int[] refcounts)
    {
        if (guest.Kind == Kind.Compressed)
            return CompressedFlag | ((ulong)(guest.Sectors - 1) << (62 - (_clusterBits - 8))) | ((ulong)OffsetOf(guest.Place!) + (ulong)guest.InPlace);
        var host = guest.Place is null ? 0 : (ulong)OffsetOf(guest.Place) | (refcounts[guest.Place.At] == 1 ? Copied : 0);
        return host | (guest.Kind is Kind.Zero or Kind.ZeroAllocated && !_hasSubclusters ? 1UL : 0);
    }

    private void WriteSnapshotTable(byte[] file, Item? table, Item[] l1s)
    {
        if (table is null)
            return;
        var at = OffsetOf(table);
        foreach (var (i, l1) in l1s.Index())
        {
            Put64(file, at, (ulong)OffsetOf(l1));
            Put32(file, at + 8, (uint)_l1Entries);
            (file[at + 13], file[at + 15]) = (1, 4);
            Put32(file, at + 16, 1_700_000_000);
            Put32(file, at + 36, 16);
            Put64(file, at + 48, (ulong)_diskSize);
            file[at + 56] = (byte)('1' + i);
            "snap"u8.CopyTo(file.AsSpan((int)at + 57));
            at += 64;
        }
    }

    private void WriteRefcounts(byte[] file, Item table, Item[] blocks, int[] refcounts)
    {
        foreach (var (i, block) in blocks.Index())
            Put64(file, OffsetOf(table) + (i * 8), (ulong)OffsetOf(block));
        var perBlock = (_cluster * 8) >> _refcountOrder;
        foreach (var (i, count) in refcounts.Index())
        {
            var block = OffsetOf(blocks[i / perBlock]);
            var bits = (i % perBlock) << _refcountOrder;
            if (_refcountOrder < 3)
                file[block + (bits / 8)] |= (byte)(count << (bits % 8));
            else
                Put(file.AsSpan((int)block + (bits / 8), 1 << (_refcountOrder - 3)), (ulong)count);
        }
    }

    private void WriteHeader(byte[] file, Item l1, Item? snapshotTable, Item refcountTable)
    {
        "QFI"u8.CopyTo(file);
        file[3] = 0xfb;
        Put32(file, 4, (uint)_version);
        Put32(file, 20, (uint)_clusterBits);
        Put64(file, 24, (ulong)_diskSize);
        Put32(file, 36, (uint)_l1Entries);
        Put64(file, 40, (ulong)OffsetOf(l1));
        Put64(file, 48, (ulong)OffsetOf(refcountTable));
        Put32(file, 56, (uint)refcountTable.Clusters);
        Put32(file, 60, (uint)_snapshots);
        Put64(file, 64, snapshotTable is null ? 0 : (ulong)OffsetOf(snapshotTable));
        var length = 72;
        if (_version == 3)
        {
            length = _isZstd ? 112 : 104 + (8 * _random.Next(4));
            Put64(file, 72, (_isZstd ? 8UL : 0) | (_hasSubclusters ? 16UL : 0));
            // Lazy refcounts, and a feature of the future that a reader may ignore.
            Put64(file, 80, (ulong)(_random.Next(2) | (_random.Next(2) << 9)));
            Put64(file, 88, (ulong)_random.Next(2) << 11);
            Put32(file, 96, (uint)_refcountOrder);
            Put32(file, 100, (uint)length);
            if (_isZstd)
                file[104] = 1;
        }
        for (var extensions = _random.Next(4); extensions > 0 && length + 80 < 512; extensions--)
        {
            var size = _random.Next(48);
            Put32(file, length, 0x12000000u + (uint)_random.Next(1 << 20));
            Put32(file, length + 4, (uint)size);
            _random.NextBytes(file.AsSpan(length + 8, size));
            length += 8 + ((size + 7) & ~7);
        }
    }

    // The last bytes of a file need not be there: of a stream's last sector, or of the disk's last cluster what lies beyond the disk.
    private int EndOf(int length)
    {
        var last = _items[^1];
        if (last.Used > 0 && _random.Next(2) == 0)
            return (int)OffsetOf(last) + last.Used;
        if (_guests[^1].Place == last && _guests[^1].Kind == Kind.Plain && _random.Next(2) == 0)
            return (int)OffsetOf(last) + (_diskSize - ((_guests.Length - 1) * _cluster));
        return length;
    }

    private long OffsetOf(Item item) => (long)item.At << _clusterBits;

    private static void Put32(byte[] file, long at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan((int)at), value);

    private static void Put64(byte[] file, long at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(file.AsSpan((int)at), value);

    private static void Put(Span<byte> at, ulong value)
    {
        for (var i = at.Length - 1; i >= 0; i--, value >>= 8)
            at[i] = (byte)value;
    }

    /// <summary>Clusters that follow each other in the file.</summary>
    private sealed class Item(int clusters)
    {
        public int At { get; set; }

        public int Clusters { get; set; } = clusters;

        /// <summary>Bytes of streams, if it holds any.</summary>
        public int Used { get; set; }
    }

    /// <summary>A cluster of the disk.</summary>
    private sealed class Guest(Kind kind, bool hasTable)
    {
        public Kind Kind { get; set; } = kind;

        public bool HasTable => hasTable;

        public ulong Bitmap { get; set; }

        public Item? Place { get; set; }

        public int InPlace { get; set; }

        public int StreamLength { get; set; }

        public int Sectors { get; set; }
    }
}
