using System.Buffers.Binary;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Formats;

/// <summary>Damaged headers and entries: a refusal that says why, or values that are safe to use; never an exception.</summary>
public sealed class Qcow2FuzzTests
{
    private static readonly int _cases = Soak.Cases(100_000, inSoak: 10_000_000);
    private const long FileSize = 10 << 20;

    private static readonly byte[] _good = MakeHeader();

    [Fact]
    public void Header_Mutated_IsRefusedOrSafe()
    {
        Assert.True(Qcow2Header.TryParse(_good, FileSize, out _, out var refused), refused?.ToString());
        var mutator = new Mutator(1 + Soak.FirstSeed);
        var accepted = 0;
        for (var i = 0; i < _cases; i++)
        {
            var bytes = mutator.Mutate(_good, 4..200);
            if (!Qcow2Header.TryParse(bytes, FileSize, out var header, out var rejection))
            {
                Assert.NotEmpty(rejection.Cause);
                continue;
            }
            accepted++;
            Assert.InRange(header.ClusterBits, 9, 21);
            Assert.InRange(header.DiskSize, 1, 2L << 40);
            Assert.InRange(header.L1Entries, 1, 4 << 20);
            Assert.InRange(header.L1Offset, 1, FileSize - (header.L1Entries * 8L));
            Assert.True(header.L1Entries * header.L2Covers >= header.DiskSize, "the L1 table does not cover the disk");
        }
        Assert.InRange(accepted, 1, _cases - 1);
    }

    [Fact]
    public void Header_CutAnywhere_IsRefused()
    {
        for (var length = 0; length < 104; length++)
            Assert.False(Qcow2Header.TryParse(_good.AsSpan(0, length), FileSize, out _, out _), $"{length} bytes were accepted");
    }

    [Fact]
    public void Entries_Random_AreRefusedOrLieInTheFile()
    {
        Assert.True(Qcow2Header.TryParse(_good, FileSize, out var plain, out _));
        var random = new Random(2 + Soak.FirstSeed);
        for (var i = 0; i < _cases; i++)
        {
            var header = plain with { ClusterBits = random.Next(9, 22), Version = random.Next(2, 4), HasSubclusters = random.Next(2) == 0 };
            // Mostly near the file's size: most of 2^64 is refused at once.
            var raw = ((ulong)random.NextInt64(2 * FileSize) & ~(ulong)(random.Next(2) * (header.ClusterSize - 1))) | ((ulong)random.Next(4) << 62) | (random.Next(20) == 0 ? (ulong)random.NextInt64() : 0);
            var bitmap = header.HasSubclusters && random.Next(2) == 0 ? (ulong)random.NextInt64() : 0;
            var needed = random.Next(1, header.ClusterSize + 1);

            if (L1Entry.TryParse(raw, header, FileSize, out var l1, out var fault))
                Assert.InRange(l1.Table, 0, FileSize - header.ClusterSize);
            else
                Assert.NotEmpty(fault);
            if (!L2Entry.TryParse(raw, bitmap, header, needed, FileSize, out var l2, out fault))
                Assert.NotEmpty(fault);
            else if (l2.Kind == L2Kind.Data)
                Assert.InRange(l2.Source, 1, FileSize - needed);
            else if (l2.Kind == L2Kind.Compressed)
                Assert.True(l2.Source >= 0 && l2.SourceLength > 0 && l2.SourceLength <= header.MaxCompressedLength && l2.Source + l2.SourceLength <= FileSize, $"{l2}");
        }
    }

    private static byte[] MakeHeader()
    {
        var header = new byte[65536];
        "QFI"u8.CopyTo(header);
        header[3] = 0xfb;
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), 3);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(20), 16);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(24), 4UL << 30);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(36), 8);
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(40), 3 << 16);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(100), 104);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(104), 0x6803f857);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(108), 48);
        return header;
    }
}
