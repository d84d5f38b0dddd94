using System.Buffers.Binary;
using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Tests.Formats;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Fuzz;

/// <summary>
/// Whole qcow2 files, damaged where it matters (the header's numbers, entries of either table, streams), on their whole way: opened, tables
/// checked, mapped, decoded, described.
/// </summary>
public sealed class Qcow2ImageFuzzTests
{
    private const int Images = 40;
    private const int MostBytes = 96 << 10;

    // Of a disk that has grown to terabytes: its start and its end.
    private const int MostChunks = 3;

    // Field offsets of the header, with their lengths.
    private static readonly (int At, int Length)[] _fields = [(4, 4), (8, 8), (20, 4), (24, 8), (32, 4), (36, 4), (40, 8), (60, 4), (64, 8), (72, 8), (80, 8), (88, 8), (96, 4), (100, 4), (104, 1)];

    // Rented once: what a case allocates is the parsers' own.
    private static readonly byte[] _buffer = new byte[ChunkLayout.SmallestDiskChunk];

    [Fact]
    public void Image_Damaged_IsRefusedOrSafe()
    {
        using var folder = new TestFolder();
        var (accepted, decoded) = (0, 0);
        var seed = Soak.FirstSeed;
        for (var image = 0; image < Images; image++)
        {
            var good = NextSmall(ref seed);
            using var source = new RewritableSource(folder, good.File.Length);
            Check(source, good.File, $"seed {seed}, undamaged", mustPass: true, ref accepted, ref decoded);
            var random = new Random(seed);
            for (var i = 0; i < Fuzzing.Cases / Images; i++)
                Check(source, Damage(good.File, random), $"seed {seed}, case {i}", mustPass: false, ref accepted, ref decoded);
        }
        // Damage that changes what is read, but breaks no rule, must stay a large part: else nothing behind the header is tested.
        Assert.InRange(accepted, Fuzzing.Cases / 20, Fuzzing.Cases);
        Assert.InRange(decoded, Fuzzing.Cases / 100, accepted);
    }

    [Fact]
    public void Crashers_AreRefusedOrSafe()
    {
        using var folder = new TestFolder();
        foreach (var file in Fuzzing.Crashers("qcow2"))
        {
            using var source = new RewritableSource(folder, file.Length);
            var (accepted, decoded) = (0, 0);
            Check(source, file, "crasher", mustPass: false, ref accepted, ref decoded);
        }
    }

    private static BuiltQcow2 NextSmall(ref int seed)
    {
        BuiltQcow2 built;
        do
            built = Qcow2Builder.Build(++seed, MostBytes);
        while (built.File.Length > 2 * MostBytes);
        return built;
    }

    private static void Check(RewritableSource source, byte[] file, string what, bool mustPass, ref int accepted, ref int decoded)
    {
        var (isAccepted, isDecoded) = (false, false);
        source.Put(file);
        Fuzzing.Run("qcow2", what, file, () =>
        {
            using var cursor = new SourceCursor(source.Cache);
            _ = Qcow2Facts.TryRead(cursor);
            Rejection? rejection = null;
            if (Qcow2Image.TryOpen(cursor, new TableMemory(1 << 20, 40 << 20), out var image, out rejection) && (rejection = image.CheckTables(null, TestContext.Current.CancellationToken)) is null)
            {
                isAccepted = true;
                isDecoded = Decode(source, image);
            }
            else
            {
                Assert.False(mustPass, rejection?.ToString());
                Fuzzing.AssertTold(rejection);
            }
        });
        accepted += isAccepted ? 1 : 0;
        decoded += isDecoded ? 1 : 0;
    }

    private static bool Decode(RewritableSource source, Qcow2Image image)
    {
        var layout = ChunkLayout.ForDisk(image.DiskSize);
        using var decoder = new ChunkDecoder(source.Cache, image.MaxCompressedLength);
        var (planned, all) = (new PlannedChunk(), true);
        foreach (var chunk in Enumerable.Range(0, Math.Min(layout.Count, MostChunks)).Append(layout.Count - 1).Distinct())
        {
            var length = layout.LengthOf(chunk);
            planned.Plan(chunk, layout.OffsetOf(chunk), length, isZero: false, image, source.Cache.Layout.ChunkSize);
            // The work that is left: no byte of the disk comes twice, and none from outside the file.
            Assert.Equal(length, planned.Gaps.Sum(gap => gap.Length) + planned.Extents.Sum(extent => Math.Min(extent.Length, length - extent.At)));
            Assert.All(planned.Extents, extent => Assert.True(extent.Source >= 0 && extent.SourceLength > 0 && extent.Source + extent.SourceLength <= source.Size, $"{extent}"));
            source.Cache.Expect(planned.Use);
            if (decoder.Fill(planned, _buffer) is { } rejection)
            {
                Fuzzing.AssertTold(rejection);
                all = false;
            }
        }
        return all;
    }

    private static byte[] Damage(byte[] good, Random random)
    {
        var file = (byte[])good.Clone();
        var bits = file[23];
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var l1 = (long)BinaryPrimitives.ReadUInt64BigEndian(good.AsSpan(40));
            var entries = BinaryPrimitives.ReadInt32BigEndian(good.AsSpan(36));
            switch (random.Next(6))
            {
                case 0:
                    var (at, length) = _fields[random.Next(_fields.Length)];
                    Put(file.AsSpan(at, length), Value(good, at, length));
                    break;
                case 1:
                    PutEntry(l1 + (8 * random.Next(entries)));
                    break;
                case 2 or 3:
                    var table = (long)(BinaryPrimitives.ReadUInt64BigEndian(good.AsSpan((int)l1 + (8 * random.Next(entries)))) & L1Entry.OffsetMask);
                    if (table != 0)
                        PutEntry(table + (8 * random.Next(1 << (bits - 3))));
                    break;
                case 4:
                    file[random.Next(file.Length)] ^= (byte)(1 << random.Next(8));
                    break;
                default:
                    // A piece of the file where another was: tables as data, and data as tables.
                    var size = random.Next(1, Math.Min(file.Length, 1 << bits) + 1);
                    good.AsSpan(random.Next(good.Length - size + 1), size).CopyTo(file.AsSpan(random.Next(good.Length - size + 1)));
                    break;
            }
        }
        return file;

        void PutEntry(long at) => Put(file.AsSpan((int)at, 8), Value(good, (int)at, 8));

        ulong Value(byte[] from, int at, int length)
        {
            ulong now = 0;
            foreach (var one in from.AsSpan(at, length))
                now = (now << 8) | one;
            return random.Next(10) switch
            {
                0 => 0,
                1 => ulong.MaxValue,
                2 => now + 1,
                3 => now - 1,
                4 => now ^ (1UL << random.Next(8 * length)),
                5 => (uint)random.Next(file.Length) & ~((1UL << bits) - 1),
                6 => ((uint)random.Next(file.Length) & ~((1UL << bits) - 1)) | (1UL << 63),
                7 => (1UL << 62) | ((uint)random.Next(4) << (70 - bits)) | (uint)random.Next(file.Length),
                8 => (ulong)random.NextInt64(),
                _ => 1UL << random.Next(64),
            };
        }
    }

    private static void Put(Span<byte> at, ulong value)
    {
        for (var i = at.Length - 1; i >= 0; i--, value >>= 8)
            at[i] = (byte)value;
    }
}
