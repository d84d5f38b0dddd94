using System.Text;

namespace Baremetal.Trust.Tests;

public sealed class ChunkIndexTests : IDisposable
{
    private const int ChunkSize = 1 << 20;
    private static readonly byte[] Data = [.. TestDocuments.Random(ChunkSize, seed: 1), .. new byte[ChunkSize], .. new byte[1000]];
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static byte[] Digests() => [.. Chunks().SelectMany(chunk => Convert.FromHexString(Digest.Of(chunk).ToString()))];

    private static IEnumerable<byte[]> Chunks() => Data.Chunk(ChunkSize);

    private static SourceContent Content(byte[] index) =>
        new("raw", "none", Data.Length, ChunkSize, 3, "sha256", new IndexReference(Digest.Of(index), index.Length));

    [Fact]
    public void TryVerify_IndexOfTheManifest_KnowsItsChunksAndItsZeros()
    {
        Assert.True(ChunkIndex.TryVerify(Digests(), Content(Digests()), "source", out var index, out _));

        Assert.All(Chunks().Index(), chunk => Assert.True(index.Matches(chunk.Index, chunk.Item)));
        Assert.Equal([false, true, true], Enumerable.Range(0, 3).Select(index.IsZero));
    }

    [Fact]
    public void Matches_BitFlippedLengthCutOrOtherChunk_IsFalse()
    {
        Assert.True(ChunkIndex.TryVerify(Digests(), Content(Digests()), "source", out var index, out _));
        var chunk = Data[..ChunkSize];
        chunk[77] ^= 1;

        Assert.False(index.Matches(0, chunk));
        Assert.False(index.Matches(0, Data.AsSpan(0, ChunkSize - 1)));
        Assert.False(index.Matches(1, Data.AsSpan(0, ChunkSize)));
        Assert.False(index.Matches(2, new byte[ChunkSize]));
    }

    [Theory]
    [InlineData(1, ChunkSize, 0)]
    [InlineData(1, ChunkSize, ChunkSize - 1)]
    [InlineData(1, ChunkSize, 77_777)]
    [InlineData(2, 1000, 999)]
    public void Matches_ZerosButForOneBit_IsFalse(int chunk, int length, int at)
    {
        Assert.True(ChunkIndex.TryVerify(Digests(), Content(Digests()), "source", out var index, out _));
        var data = new byte[length];
        Assert.True(index.Matches(chunk, data));
        data[at] = 0x80;

        Assert.False(index.Matches(chunk, data));
    }

    [Fact]
    public void TryVerify_AnyBitFlipped_IsRefused()
    {
        var content = Content(Digests());
        for (var i = 0; i < Digests().Length; i++)
        {
            var altered = Digests();
            altered[i] ^= 0x10;
            Assert.False(ChunkIndex.TryVerify(altered, content, "source", out _, out _));
        }
    }

    [Fact]
    public void Index_MadeBySplitAndSha256sum_IsTheSame()
    {
        _folder.Write("data", Data);
        var hex = TestDocuments.Run("split", _folder.Path, "--bytes=1M", "--filter=sha256sum", "data");
        var digests = hex.Split('\n', StringSplitOptions.RemoveEmptyEntries).SelectMany(line => Convert.FromHexString(line[..64])).ToArray();

        Assert.Equal(Digests(), digests);
    }

    [Theory]
    [InlineData(1, 1, 4)]
    [InlineData(8L << 30, 1, 4)]
    [InlineData(1L << 40, 1, 4)]
    [InlineData((1L << 40) + 1, 2, 4)]
    [InlineData(2L << 40, 2, 4)]
    public void ChunkLayout_ForASize_HasAtMostAMillionChunks(long size, int sourceMiB, int diskMiB)
    {
        Assert.Equal(sourceMiB << 20, ChunkLayout.ForSource(size).ChunkSize);
        Assert.Equal(diskMiB << 20, ChunkLayout.ForDisk(size).ChunkSize);
        Assert.InRange(ChunkLayout.ForSource(size).Count, 1, 1 << 20);
    }

    [Fact]
    public void DigestTryParse_UpperCaseShortOrForeign_IsRefused()
    {
        var hex = Digest.Of("x"u8).ToString();

        Assert.True(Digest.TryParse(hex, out var digest));
        Assert.Equal(Digest.Of("x"u8), digest);
        Assert.False(Digest.TryParse(hex.ToUpperInvariant(), out _));
        Assert.False(Digest.TryParse(hex[1..], out _));
        Assert.False(Digest.TryParse(hex[..63] + "g", out _));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes("x"))), hex);
    }
}
