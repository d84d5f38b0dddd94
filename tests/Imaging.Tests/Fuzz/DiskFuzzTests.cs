using System.Buffers.Binary;
using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Formats.Raw;
using Baremetal.Imaging.Inspection;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Fuzz;

/// <summary>Damaged disks: partition tables of both kinds, an EFI system partition's directories, and what tells a format.</summary>
public sealed class DiskFuzzTests
{
    private const int Sector = 512;
    private const int EspAt = 40 * Sector;
    // Small enough that no buffer of its size is a large object, whose garbage is collected with everything else.
    private const int DiskSize = 40 << 10;

    // Enough for all that is tested, and quickly sealed.
    private const int Entries = 16;

    // Blocks that an inspection may read: two for each cluster of three directories (the cluster and its entry in the FAT), in eight partitions.
    private const int MostReads = 8 * 3 * 2 * ((64 << 10) / Sector) * 2;

    [Fact]
    public void Gpt_Damaged_IsRefusedOrFits()
    {
        var good = MakeDisk(fatBits: 12);
        Assert.True(Gpt.TryRead(good, Sector, out var table, out _));
        Assert.Equal(["esp", "root"], table!.Partitions.Select(partition => partition.Name));
        var random = new Random(1 + Soak.FirstSeed);
        var fitted = 0;
        for (var i = 0; i < Fuzzing.Cases; i++)
        {
            var disk = (byte[])good.Clone();
            for (var changes = random.Next(1, 5); changes > 0; changes--)
                DamageTable(disk, random);
            // Mostly sealed again: what only a CRC keeps out would test the CRC alone.
            if (random.Next(8) > 0)
                Seal(disk);
            fitted += CheckGpt(disk, $"seed {Soak.FirstSeed}, case {i}", random.NextInt64(1, 1 << 20) * Sector) ? 1 : 0;
        }
        Assert.InRange(fitted, Fuzzing.Cases / 100, Fuzzing.Cases);
    }

    [Fact]
    public void Mbr_Damaged_IsReadOrNot()
    {
        var good = MakeDisk(fatBits: 12)[..Sector];
        var random = new Random(2 + Soak.FirstSeed);
        var mutator = new Mutator(2 + Soak.FirstSeed);
        for (var i = 0; i < Fuzzing.Cases; i++)
        {
            var sector = mutator.Mutate(good, 440..512);
            Fuzzing.Run("mbr", $"seed {Soak.FirstSeed}, case {i}", sector, () => CheckMbr(sector, random.NextInt64(1, 1L << 34)));
        }
    }

    [Theory]
    [InlineData(12)]
    [InlineData(16)]
    [InlineData(32)]
    public void Fat_Damaged_IsListedWithinBounds(int fatBits)
    {
        using var folder = new TestFolder();
        using var source = new RewritableSource(folder, DiskSize);
        var good = MakeDisk(fatBits);
        Assert.Equal("x86_64", Inspect(source, good, "undamaged"));
        var random = new Random(3 + Soak.FirstSeed);
        var found = 0;
        for (var i = 0; i < Fuzzing.Cases / 3; i++)
        {
            var disk = (byte[])good.Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                DamageFat(disk, random);
            found += Inspect(source, disk, $"seed {Soak.FirstSeed}, case {i}") == "x86_64" ? 1 : 0;
        }
        Assert.InRange(found, Fuzzing.Cases / 100, Fuzzing.Cases / 3);
    }

    [Fact]
    public void Fat_WhoseDirectoriesRunInCircles_IsListedWithinBounds()
    {
        using var folder = new TestFolder();
        // Its FAT and its clusters in blocks of their own, so that every step is a read.
        const int fatSectors = 128;
        var disk = MakeDisk(fatBits: 32, fatSectors, diskSize: 160 << 10);
        using var source = new RewritableSource(folder, disk.Length);
        // Each cluster of a directory follows itself, none has an end, and every partition is a system partition.
        for (var cluster = 2; cluster < 8; cluster++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(disk.AsSpan(EspAt + (2 * Sector) + (4 * cluster)), cluster);
            var directory = disk.AsSpan(EspAt + ((fatSectors + cluster) * Sector), Sector);
            var end = 0;
            while (end < Sector && directory[end] != 0)
                end += 32;
            directory[end..].Fill(0xe5);
        }
        for (var entry = 0; entry < Entries; entry++)
            disk.AsSpan(2 * Sector, 128).CopyTo(disk.AsSpan((2 * Sector) + (128 * entry)));
        Seal(disk);

        _ = Inspect(source, disk, "circles");
    }

    [Fact]
    public void Format_OfAnyBytes_IsIdentified()
    {
        var random = new Random(4 + Soak.FirstSeed);
        byte[][] magics = ["QFI\0"u8.ToArray(), "QED\0"u8.ToArray(), "KDMV"u8.ToArray(), "vhdxfile"u8.ToArray(), "conectix"u8.ToArray(), "CD001"u8.ToArray(), "ustar"u8.ToArray(), [0x1f, 0x8b, 8], [0x7f, 0x10, 0xda, 0xbe]];
        var pool = new byte[ImageFormat.HeadLength];
        for (var i = 0; i < Fuzzing.Cases; i++)
        {
            var head = pool.AsSpan(0, random.Next(8) == 0 ? pool.Length : random.Next(600));
            random.NextBytes(head[..Math.Min(600, head.Length)]);
            var magic = magics[random.Next(magics.Length)];
            var at = random.Next(3) switch { 0 => 0, 1 => 257, _ => random.Next(Math.Max(1, head.Length)) };
            if (at + magic.Length <= head.Length)
                magic.CopyTo(head[at..]);

            var format = ImageFormat.Identify(head, head[..Math.Min(ImageFormat.TailLength, head.Length)]);

            Assert.True(format.IsWritable ? format == ImageFormat.Raw || format == ImageFormat.Qcow2 : !string.IsNullOrEmpty(format.Remedy), format.Name);
        }
    }

    [Fact]
    public void Crashers_AreRefusedOrSafe()
    {
        using var folder = new TestFolder();
        foreach (var disk in Fuzzing.Crashers("gpt"))
            _ = CheckGpt(disk, "crasher", 1 << 30);
        foreach (var sector in Fuzzing.Crashers("mbr"))
            CheckMbr(sector, 1 << 20);
        foreach (var disk in Fuzzing.Crashers("fat"))
        {
            using var source = new RewritableSource(folder, disk.Length);
            _ = Inspect(source, disk, "crasher");
        }
    }

    private static bool CheckGpt(byte[] disk, string what, long size)
    {
        var isFitted = false;
        Fuzzing.Run("gpt", what, disk, () =>
        {
            if (!Gpt.TryRead(disk, Sector, out var gpt, out var rejection))
            {
                Fuzzing.AssertTold(rejection);
                return;
            }
            var drive = new byte[Sector];
            if (gpt is null)
                return;
            foreach (var layout in new[] { null, new PartitionLayout(2, 8 << 20, "order"), new PartitionLayout(1, long.MaxValue, "order"), new PartitionLayout(int.MaxValue, 0, "order") })
                isFitted |= IsFitted(gpt, size, new ConfigDrive(drive, Digest.Of(drive)), layout);
        });
        return isFitted;

        static bool IsFitted(Gpt gpt, long size, ConfigDrive drive, PartitionLayout? layout)
        {
            var isFitted = gpt.TryFit(size, drive, layout, out var writes, out var rejection);
            if (!isFitted)
                Assert.NotEmpty(rejection!.Cause);
            else
                Assert.All(writes!, write => Assert.True(write.Offset >= 0 && write.End <= size && write.Offset % Sector == 0 && write.Data.Length % Sector == 0, $"{write.What} at {write.Offset} on a disk of {size}"));
            return isFitted;
        }
    }

    private static void CheckMbr(byte[] sector, long diskSectors)
    {
        _ = Mbr.HasBootCode(sector);
        Assert.InRange(Mbr.Partitions(sector).Count, 0, 4);
        if (!Mbr.IsProtective(sector))
            return;
        var spanned = (byte[])sector.Clone();
        Mbr.Span(spanned, diskSectors);
        Assert.Equal(sector[..446], spanned[..446]);
        Assert.True(Mbr.IsProtective(spanned));
    }

    private static string? Inspect(RewritableSource source, byte[] disk, string what)
    {
        string? arch = null;
        source.Put(disk);
        Fuzzing.Run("fat", what, disk, () =>
        {
            var image = new CountingImage(new RawImage(disk.Length));
            using var view = new DiskView(image, source.Cache);
            var (layout, rejection) = DiskLayout.Read(view, disk.Length);
            if (layout is null)
                Fuzzing.AssertTold(rejection);
            arch = layout?.Boot.Arch;
            Assert.InRange(image.Reads, 0, MostReads);
        });
        return arch;
    }

    private static void DamageTable(byte[] disk, Random random)
    {
        // MBR's records, the header, and four entries.
        var at = random.Next(6) switch
        {
            0 => 446 + random.Next(66),
            1 or 2 => Sector + (4 * random.Next(24)),
            _ => (2 * Sector) + (8 * random.Next(4 * 16)),
        };
        var number = disk.AsSpan(at, Math.Min(8, disk.Length - at));
        switch (random.Next(5))
        {
            case 0:
                number[0] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                number[..4].Fill((byte)(random.Next(2) * 0xff));
                break;
            case 2:
                BinaryPrimitives.WriteInt64LittleEndian(number, random.Next(3) - 1);
                break;
            case 3:
                BinaryPrimitives.WriteInt64LittleEndian(number, long.MaxValue - random.Next(3));
                break;
            default:
                BinaryPrimitives.WriteInt32LittleEndian(number, random.Next(300));
                break;
        }
    }

    private static void DamageFat(byte[] disk, Random random)
    {
        var at = EspAt + random.Next(4) switch
        {
            0 => 11 + random.Next(26),
            1 => 36 + random.Next(12),
            2 => (2 * Sector) + random.Next(40),
            _ => (3 * Sector) + random.Next(5 * Sector),
        };
        if (random.Next(2) == 0)
            disk[at] ^= (byte)(1 << random.Next(8));
        else
            disk.AsSpan(at, random.Next(1, 5)).Fill(random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) });
    }

    // sector 40: boot sector · 42: one FAT · 43: root (FAT12 and 16) or cluster 2 · then EFI and EFI/BOOT
    private static byte[] MakeDisk(int fatBits, int fatSectors = 1, int diskSize = DiskSize)
    {
        var disk = new byte[diskSize];
        disk[0] = 0xeb;
        (disk[450], disk[510], disk[511]) = (0xee, 0x55, 0xaa);
        BinaryPrimitives.WriteInt32LittleEndian(disk.AsSpan(454), 1);
        var entries = disk.AsSpan(2 * Sector, Entries * 128);
        new GptEntry(GptEntry.EfiSystem, new Guid("11111111-0000-0000-0000-000000000000"), EspAt / Sector, 59, "esp").Write(entries);
        new GptEntry(GptEntry.LinuxData, new Guid("22222222-0000-0000-0000-000000000000"), 60, 70, "root").Write(entries[128..]);
        var header = disk.AsSpan(Sector, Sector);
        "EFI PART"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], 0x10000);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], 92);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], 1);
        BinaryPrimitives.WriteInt64LittleEndian(header[32..], (diskSize / Sector) - 1);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], 34);
        BinaryPrimitives.WriteInt64LittleEndian(header[48..], (diskSize / Sector) - 34);
        BinaryPrimitives.WriteInt64LittleEndian(header[72..], 2);
        BinaryPrimitives.WriteInt32LittleEndian(header[80..], Entries);
        BinaryPrimitives.WriteInt32LittleEndian(header[84..], 128);
        Seal(disk);

        var fat = disk.AsSpan(EspAt);
        BinaryPrimitives.WriteInt16LittleEndian(fat[11..], Sector);
        (fat[13], fat[14], fat[16]) = (1, 2, 1);
        (fat[510], fat[511]) = (0x55, 0xaa);
        // More clusters than there are: their number alone tells how wide the FAT's entries are.
        BinaryPrimitives.WriteInt32LittleEndian(fat[32..], fatBits == 12 ? 60 : fatBits == 16 ? 30_000 : 100_000);
        BinaryPrimitives.WriteInt16LittleEndian(fat[22..], (short)(fatBits == 32 ? 0 : 1));
        BinaryPrimitives.WriteInt32LittleEndian(fat[36..], fatBits == 32 ? fatSectors : 0);
        BinaryPrimitives.WriteInt32LittleEndian(fat[44..], fatBits == 32 ? 2 : 0);
        BinaryPrimitives.WriteInt16LittleEndian(fat[17..], (short)(fatBits == 32 ? 0 : 16));
        // Cluster 2 is the root of FAT32; the first of the others comes behind their own root. EFI is 3, BOOT 4 and 5.
        fat.Slice(2 * Sector, 64).Fill(0xff);
        Follow(fat[(2 * Sector)..], fatBits, 4, 5);
        var data = fat[(fatBits == 32 ? (2 + fatSectors) * Sector : 4 * Sector)..];
        var root = fatBits == 32 ? data : fat[(3 * Sector)..];
        WriteName(root, "EFI        ", 0x10, 3);
        WriteName(data[Sector..], "BOOT       ", 0x10, 4);
        for (var entry = 0; entry < Sector; entry += 32)
            WriteName(data[((2 * Sector) + entry)..], "OTHER   TXT", 0, 0);
        WriteName(data[(3 * Sector)..], "BOOTX64 EFI", 0, 0);
        return disk;
    }

    private static void Follow(Span<byte> fat, int bits, int cluster, int next)
    {
        if (bits == 12)
            (fat[6], fat[7]) = ((byte)next, 0xf0);
        else if (bits == 16)
            BinaryPrimitives.WriteInt16LittleEndian(fat[(2 * cluster)..], (short)next);
        else
            BinaryPrimitives.WriteInt32LittleEndian(fat[(4 * cluster)..], next);
    }

    private static void WriteName(Span<byte> entry, string name, byte attributes, int cluster)
    {
        for (var i = 0; i < name.Length; i++)
            entry[i] = (byte)name[i];
        entry[11] = attributes;
        BinaryPrimitives.WriteInt16LittleEndian(entry[26..], (short)cluster);
    }

    private static void Seal(byte[] disk)
    {
        var header = disk.AsSpan(Sector, Sector);
        var (count, size, at) = (BinaryPrimitives.ReadUInt32LittleEndian(header[80..]), BinaryPrimitives.ReadUInt32LittleEndian(header[84..]), BinaryPrimitives.ReadUInt64LittleEndian(header[72..]));
        if (count <= 4096 && size <= 4096 && at < 1000 && (at * Sector) + (count * size) <= (ulong)disk.Length)
            BinaryPrimitives.WriteUInt32LittleEndian(header[88..], Crc32.Of(disk.AsSpan((int)at * Sector, (int)(count * size))));
        header.Slice(16, 4).Clear();
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], Crc32.Of(header[..(int)Math.Min(length, Sector)]));
    }

    // Counts how often it is looked into.
    private sealed class CountingImage(IDiskImage image) : IDiskImage
    {
        public int Reads { get; private set; }

        public string Format => image.Format;

        public string Compression => image.Compression;

        public long DiskSize => image.DiskSize;

        public int Granularity => image.Granularity;

        public int MaxCompressedLength => image.MaxCompressedLength;

        public long TableBytes => image.TableBytes;

        public IReadOnlyList<string> Features => image.Features;

        public long StoredTableBytes => image.StoredTableBytes;

        public Rejection? CheckTables(Action<long>? done, CancellationToken cancellation) => image.CheckTables(done, cancellation);

        public void Map(long offset, int length, List<Extent> extents)
        {
            Reads++;
            image.Map(offset, length, extents);
        }
    }
}
