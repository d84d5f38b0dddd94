using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Security.Cryptography;

namespace Baremetal.Trust;

/// <summary>How some bytes are cut into chunks: all of <paramref name="ChunkSize"/> bytes, the last one at its true length.</summary>
public readonly record struct ChunkLayout(long Size, int ChunkSize)
{
    /// <summary>2 TiB, for a disk's bytes and for an image file's alike.</summary>
    public const long MaxSize = 2L << 40;

    /// <summary>A chunk is held in memory whole, several at a time.</summary>
    public const int MaxChunkSize = 16 << 20;

    /// <summary>Smaller ones would cost a request each.</summary>
    public const int SmallestSourceChunk = 1 << 20;

    /// <summary>A multiple of every format's clusters, which are decoded whole: of qcow2's largest, 2 MiB.</summary>
    public const int SmallestDiskChunk = 4 << 20;

    public int Count => checked((int)((Size + ChunkSize - 1) / ChunkSize));

    public long OffsetOf(int chunk) => (long)chunk * ChunkSize;

    public int LengthOf(int chunk) => (int)Math.Min(ChunkSize, Size - OffsetOf(chunk));

    public int ChunkAt(long offset) => (int)(offset / ChunkSize);

    public static ChunkLayout ForSource(long size) => new(size, AtMostAMillionChunks(size, SmallestSourceChunk));

    public static ChunkLayout ForDisk(long size) => new(size, AtMostAMillionChunks(size, SmallestDiskChunk));

    // 2^20 chunks make an index of 32 MiB, the largest that a machine of 256 MB can hold beside the rest.
    private static int AtMostAMillionChunks(long size, int smallest) =>
        Math.Max(smallest, (int)BitOperations.RoundUpToPowerOf2((ulong)((size + (1 << 20) - 1) >> 20)));
}

/// <summary>
/// The digests of all chunks of a disk or of an image file: 32 raw bytes a chunk and nothing else, so that
/// <c>split --filter=sha256sum</c> makes the same. It is trusted through its own digest in the signed manifest.
/// </summary>
public sealed class ChunkIndex
{
    private readonly byte[] _digests;
    private readonly Digest _zero;
    private readonly Digest _lastZero;

    private ChunkIndex(byte[] digests, ChunkLayout layout)
    {
        _digests = digests;
        Layout = layout;
        _zero = ZeroDigest(layout.ChunkSize);
        _lastZero = layout.Count == 0 ? _zero : ZeroDigest(layout.LengthOf(layout.Count - 1));
    }

    public ChunkLayout Layout { get; }

    public int Count => Layout.Count;

    public ReadOnlySpan<byte> Bytes => _digests;

    /// <summary>Accepts index bytes if they are exactly those that the manifest names.</summary>
    public static bool TryVerify(byte[] bytes, ChunkedContent content, string name, [NotNullWhen(true)] out ChunkIndex? index, [NotNullWhen(false)] out Rejection? rejection)
    {
        index = null;
        rejection = null;
        if (bytes.Length != content.Index.Size || Digest.Of(bytes) is var found && found != content.Index.Sha256)
        {
            rejection = new Rejection(
                $"The {name} index ({bytes.Length} bytes) is not the one that the signed manifest names ({content.Index.Size} bytes, sha256 {content.Index.Sha256}).",
                "It was altered or belongs to another image; fetch it again from where the image was signed.");
            return false;
        }
        index = new ChunkIndex(bytes, content.Layout);
        return true;
    }

    /// <summary>An index of digests just computed.</summary>
    public static ChunkIndex FromDigests(byte[] digests, ChunkLayout layout)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(digests.Length, layout.Count * Digest.Size);
        return new ChunkIndex(digests, layout);
    }

    public Digest this[int chunk] => new(_digests.AsSpan(chunk * Digest.Size, Digest.Size));

    /// <summary>Whether these are the chunk's bytes: the check that stands before every write.</summary>
    public bool Matches(int chunk, ReadOnlySpan<byte> data)
    {
        if (data.Length != Layout.LengthOf(chunk))
            return false;
        // Zeros are known by sight, ten times as fast as by their digest; most of many a disk that is compared is zeros.
        if (IsZero(chunk))
            return !data.ContainsAnyExcept((byte)0);
        Span<byte> digest = stackalloc byte[Digest.Size];
        SHA256.HashData(data, digest);
        return digest.SequenceEqual(_digests.AsSpan(chunk * Digest.Size, Digest.Size));
    }

    /// <summary>Whether the chunk is all zeros, known from its digest alone.</summary>
    public bool IsZero(int chunk) => this[chunk] == (chunk == Count - 1 ? _lastZero : _zero);

    private static Digest ZeroDigest(int length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> zeros = stackalloc byte[4096];
        zeros.Clear();
        for (var left = length; left > 0; left -= zeros.Length)
            hash.AppendData(zeros[..Math.Min(left, zeros.Length)]);
        return new Digest(hash.GetHashAndReset());
    }
}
