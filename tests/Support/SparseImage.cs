using System.Buffers.Binary;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Support;

/// <summary>What a <see cref="SparseImage"/> shall be; all sizes are in bytes.</summary>
/// <param name="DiskSize">Of the disk.</param>
public sealed record SparseImageSpec(long DiskSize)
{
    /// <summary>Null for a raw image.</summary>
    public int? ClusterSize { get; init; } = 64 << 10;

    /// <summary>Every which disk chunk holds data; the others are zeros.</summary>
    public int DataEvery { get; init; } = 64;

    /// <summary>Of the image file at least: what it has no bytes for is a hole at its end.</summary>
    public long FileSize { get; init; }

    /// <summary>Null for what a signer chooses.</summary>
    public int? DiskChunkSize { get; init; }

    /// <summary>Null for what a signer chooses.</summary>
    public int? SourceChunkSize { get; init; }

    /// <summary>Tables and data lie in the file in a random order, not in the disk's.</summary>
    public bool IsScattered { get; init; }
}

/// <summary>
/// An image of up to terabytes with true documents, made in a moment: nearly all of it is holes, whose digest is known. As qcow2 all its L2
/// tables are there, and every entry that is no data says explicitly that its cluster is zeros, so that all of them must be read.
/// <code>
///  header | L1 | L2 tables | clusters of data, each the first of a disk chunk
/// </code>
/// </summary>
public sealed class SparseImage
{
    private const int RawCluster = 64 << 10;
    private const ulong ZeroFlag = 1;

    private readonly SparseImageSpec _spec;
    private readonly int _cluster;
    private readonly ChunkLayout _disk;
    private readonly byte[] _noise;
    private readonly SortedSet<long> _written = [];

    private SparseImage(string path, SparseImageSpec spec)
    {
        Path = path;
        _spec = spec;
        _cluster = spec.ClusterSize ?? RawCluster;
        _noise = new byte[_cluster];
        new Random(5).NextBytes(_noise);
        _disk = spec.DiskChunkSize is { } size ? new ChunkLayout(spec.DiskSize, size) : ChunkLayout.ForDisk(spec.DiskSize);

        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        if (spec.ClusterSize is null)
            WriteRaw(file);
        else
            WriteQcow2(file);
        var length = Math.Max(RandomAccess.GetLength(file), spec.FileSize);
        RandomAccess.SetLength(file, length);
        var source = spec.SourceChunkSize is { } chunk ? new ChunkLayout(length, chunk) : ChunkLayout.ForSource(length);
        (DiskIndex, SourceIndex) = (IndexDisk(), IndexSource(file, source));
        Manifest = ImageManifest.Of(
            new ImagePredicate(
                "sparse", "1", "any", [], 1, DateTimeOffset.UnixEpoch,
                new DiskContent(_disk.Size, 512, _disk.ChunkSize, _disk.Count, ChunkedContent.Sha256, new IndexReference(Digest.Of(DiskIndex), DiskIndex.Length)),
                new SourceContent(spec.ClusterSize is null ? "raw" : "qcow2", "none", source.Size, source.ChunkSize, source.Count, ChunkedContent.Sha256, new IndexReference(Digest.Of(SourceIndex), SourceIndex.Length))),
            default,
            default);
    }

    public string Path { get; }

    public ImageManifest Manifest { get; }

    public byte[] DiskIndex { get; }

    public byte[] SourceIndex { get; }

    public static SparseImage Make(string path, SparseImageSpec spec) => new(path, spec);

    /// <summary>As a writer has it that trusts these documents.</summary>
    public VerifiedImage Verified => new(
        Manifest, ChunkIndex.FromDigests(DiskIndex, Manifest.Predicate.Disk.Layout), ChunkIndex.FromDigests(SourceIndex, Manifest.Predicate.Source.Layout));

    private IEnumerable<int> DataChunks => Enumerable.Range(0, _disk.Count).Where(chunk => chunk % _spec.DataEvery == _spec.DataEvery / 2);

    private void WriteRaw(SafeFileHandle file)
    {
        RandomAccess.SetLength(file, _spec.DiskSize);
        foreach (var chunk in DataChunks)
            Put(file, _disk.OffsetOf(chunk), _noise);
    }

    private void WriteQcow2(SafeFileHandle file)
    {
        var entries = _cluster / sizeof(ulong);
        var tables = (int)((_spec.DiskSize + ((long)entries * _cluster) - 1) / ((long)entries * _cluster));
        var l1 = new byte[tables * sizeof(ulong)];
        var tablesFrom = _cluster + RoundUp(l1.Length);
        var dataFrom = tablesFrom + ((long)tables * _cluster);
        var places = Order(tables);
        for (var i = 0; i < tables; i++)
            BinaryPrimitives.WriteUInt64BigEndian(l1.AsSpan(i * sizeof(ulong)), (ulong)(tablesFrom + ((long)places[i] * _cluster)));
        Put(file, 0, Header(tables));
        Put(file, _cluster, l1);

        int[] chunks = [.. DataChunks];
        var hosts = Order(chunks.Length);
        var next = 0;
        var table = new byte[_cluster];
        for (var i = 0; i < tables; i++)
        {
            for (var entry = 0; entry < entries; entry++)
                BinaryPrimitives.WriteUInt64BigEndian(table.AsSpan(entry * sizeof(ulong)), ZeroFlag);
            for (; next < chunks.Length && (int)(_disk.OffsetOf(chunks[next]) / _cluster / entries) == i; next++)
            {
                var host = dataFrom + ((long)hosts[next] * _cluster);
                var entry = (int)(_disk.OffsetOf(chunks[next]) / _cluster % entries);
                BinaryPrimitives.WriteUInt64BigEndian(table.AsSpan(entry * sizeof(ulong)), (ulong)host);
                Put(file, host, _noise);
            }
            Put(file, tablesFrom + ((long)places[i] * _cluster), table);
        }
    }

    // qcow2.rst, "Header": version 3, no refcounts, which no reader needs.
    private byte[] Header(int tables)
    {
        var header = new byte[104];
        "QFI"u8.CopyTo(header);
        header[3] = 0xfb;
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), 3);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(20), int.Log2(_cluster));
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(24), _spec.DiskSize);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(36), tables);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(40), _cluster);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(96), 4);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(100), header.Length);
        return header;
    }

    private int[] Order(int count)
    {
        var order = Enumerable.Range(0, count).ToArray();
        if (_spec.IsScattered)
            new Random(6).Shuffle(order);
        return order;
    }

    private long RoundUp(long length) => (length + _cluster - 1) / _cluster * _cluster;

    private void Put(SafeFileHandle file, long offset, byte[] bytes)
    {
        RandomAccess.Write(file, bytes, offset);
        // Where the smallest source chunk is touched, a larger one is too.
        for (var at = offset / ChunkLayout.SmallestSourceChunk; at <= (offset + bytes.Length - 1) / ChunkLayout.SmallestSourceChunk; at++)
            _written.Add(at * ChunkLayout.SmallestSourceChunk);
    }

    private byte[] IndexDisk()
    {
        var index = Zeros(_disk);
        foreach (var chunk in DataChunks.GroupBy(_disk.LengthOf))
        {
            var bytes = new byte[chunk.Key];
            _noise.AsSpan(0, Math.Min(_noise.Length, bytes.Length)).CopyTo(bytes);
            var digest = Digest.Of(bytes);
            foreach (var number in chunk)
                digest.CopyTo(index.AsSpan(number * Digest.Size));
        }
        return index;
    }

    private byte[] IndexSource(SafeFileHandle file, ChunkLayout layout)
    {
        var index = Zeros(layout);
        var bytes = new byte[layout.ChunkSize];
        var last = -1;
        foreach (var chunk in _written.Select(layout.ChunkAt))
        {
            if (chunk == last)
                continue;
            last = chunk;
            var length = RandomAccess.Read(file, bytes.AsSpan(0, layout.LengthOf(chunk)), layout.OffsetOf(chunk));
            Digest.Of(bytes.AsSpan(0, length)).CopyTo(index.AsSpan(chunk * Digest.Size));
        }
        return index;
    }

    private static byte[] Zeros(ChunkLayout layout)
    {
        var index = new byte[layout.Count * Digest.Size];
        var zero = Digest.Of(new byte[layout.ChunkSize]);
        for (var i = 0; i < layout.Count - 1; i++)
            zero.CopyTo(index.AsSpan(i * Digest.Size));
        Digest.Of(new byte[layout.LengthOf(layout.Count - 1)]).CopyTo(index.AsSpan((layout.Count - 1) * Digest.Size));
        return index;
    }
}
