using System.Buffers.Binary;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Signing;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Each image that cannot be written is refused with its own reason, and the disk is as it was.</summary>
public sealed class RefusalTests
{
    private const int DiskSize = 8 << 20;

    [Theory]
    [InlineData("backing file", "backing file")]
    [InlineData("external data file", "external data file")]
    [InlineData("encrypted by LUKS", "encrypted (LUKS)")]
    [InlineData("encrypted by AES", "encrypted (AES)")]
    [InlineData("corrupt bit", "marked corrupt")]
    [InlineData("unknown feature", "unknown feature 17.")]
    [InlineData("unknown feature with a name", "unknown feature 17 (time travel)")]
    [InlineData("unknown compression", "compression type is 7")]
    [InlineData("version 4", "version is 4")]
    [InlineData("cluster bits", "2^40")]
    [InlineData("virtual size", "2 TiB")]
    [InlineData("L1 beyond the end", "L1 table at byte 1099511627776 lies beyond")]
    [InlineData("L1 unaligned", "does not start on a cluster")]
    [InlineData("L1 too short", "L1 table has 0 entries")]
    [InlineData("L2 beyond the end", "entry 0 of its L1 table names a table at byte 1099511627776, beyond")]
    [InlineData("L2 unaligned", "no cluster's start")]
    [InlineData("L2 reserved bits", "entry 0 of its L1 table has reserved bits")]
    [InlineData("cluster beyond the end", "the L2 entry for byte 65536 of the disk names byte 1099511627776, beyond")]
    [InlineData("cluster unaligned", "the L2 entry for byte 65536 of the disk names byte 66048, which is no cluster's start")]
    [InlineData("compressed beyond the end", "names compressed bytes at")]
    [InlineData("cut off", "beyond the file's end")]
    [InlineData("L2 named twice", "entries 0 and 2 of its L1 table name the same L2 table at byte")]
    [InlineData("L2 on the L1", "entry 1 of its L1 table names an L2 table at byte 12288, which is in the L1 table itself")]
    [InlineData("cluster on the L1", "the cluster for byte 4096 of the disk (byte 12288 of the file) lies on the L1 table")]
    [InlineData("cluster on an L2", "lies on the L2 table at byte")]
    [InlineData("compressed on the header", "the compressed bytes for byte 4096 of the disk (312 at byte 200 of the file) lie on the header")]
    [InlineData("compressed on the L1", "lie on the L1 table")]
    [InlineData("compressed on an L2", "lie on the L2 table at byte")]
    [InlineData("compressed into an L2", "lie on the L2 table at byte")]
    [InlineData("header cut off", "header is cut off")]
    public void Qcow2_ThatCannotBeWritten_IsRefusedUntouched(string fault, string reason)
    {
        using var folder = new TestFolder();
        var path = MakeBad(folder, fault);

        var outcome = AssertUntouched(TestImage.Declare(path, DiskSize));

        Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.NotNull(outcome.Reason.Remedy);
    }

    [Theory]
    [InlineData("vmdk", "VMDK")]
    [InlineData("vpc", "VHD")]
    [InlineData("vhdx", "VHDX")]
    [InlineData("vdi", "VDI")]
    [InlineData("qed", "QED")]
    [InlineData("qcow", "qcow version 1")]
    [InlineData("parallels", "Parallels")]
    public void OtherFormats_AreNamedAndRefused(string format, string name)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 1, gpt: false);
        Shell.Run("qemu-img", "convert", "-O", format, raw, folder["image"]);

        var outcome = AssertUntouched(TestImage.Declare(folder["image"], DiskSize, format: "raw"));

        Assert.Contains($"The image is {name},", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void FixedVhd_DoesNotPassForRaw()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 1, gpt: false);
        Shell.Run("qemu-img", "convert", "-O", "vpc", "-o", "subformat=fixed", raw, folder["image"]);

        Assert.Contains("VHD", AssertUntouched(TestImage.Declare(folder["image"], DiskSize, format: "raw")).Reason!.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("xz")]
    [InlineData("zstd")]
    public void CompressedFile_IsNamedAndRefused(string tool)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 1, gpt: false);
        Shell.Run("sh", "-c", $"{tool} -1 -c '{raw}' > '{folder["image"]}'");

        Assert.Contains(tool, AssertUntouched(TestImage.Declare(folder["image"], DiskSize, format: "raw")).Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Iso_DoesNotPassForRaw()
    {
        using var folder = new TestFolder();
        // Bootable from a stick too, as installers' images are: it has an MBR and would be written for a disk.
        var path = folder.MakeDisk("disk.iso", DiskSize, seed: 1, gpt: false);
        MakeMbr(path, type: 0x17);
        using (var file = File.OpenWrite(path))
        {
            file.Position = 32 << 10;
            file.Write([1, .. "CD001"u8, 1, 0]);
        }

        Assert.Contains("The image is ISO 9660,", AssertUntouched(TestImage.Declare(path, DiskSize, format: "raw")).Reason!.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-(1 << 20))]
    [InlineData(1)]
    [InlineData(1 << 20)]
    public void FileSize_OtherThanWasSigned_IsRefusedNamingBoth(int more)
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.Convert(folder.MakeDisk("disk.raw", DiskSize, seed: 1), "disk.qcow2"));
        var signed = new FileInfo(image.Path).Length;
        using (var file = File.OpenWrite(image.Path))
            file.SetLength(signed + more);
        using var server = new RangeServer(File.ReadAllBytes(image.Path));

        foreach (var source in new IByteSource[] { new FileSource(image.Path), new HttpSource(server.Address, TimeProvider.System) })
        {
            var target = new RecordingTarget(new byte[DiskSize]);
            var outcome = Writing.From([source], target, image);

            Assert.Equal(WriteStatus.Refused, outcome.Status);
            Assert.Contains($"has {signed + more} bytes; the signed manifest says {signed}", outcome.Reason!.Cause, StringComparison.Ordinal);
            Assert.Empty(target.Writes);
        }
    }

    [Fact]
    public void Raw_DeclaredAsQcow2_IsRefusedNamingBoth()
    {
        using var folder = new TestFolder();
        var path = folder.MakeDisk("disk.raw", DiskSize, seed: 1);

        Assert.Contains("qcow2, but it is raw", AssertUntouched(TestImage.Declare(path, DiskSize, format: "qcow2")).Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Format_OtherThanTheManifestSays_IsRefusedNamingBoth()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", DiskSize, seed: 1), "disk.qcow2");

        var outcome = AssertUntouched(TestImage.Declare(path, DiskSize, format: "raw"));

        Assert.Contains("raw, but it is qcow2", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void DiskSize_OtherThanTheManifestSays_IsRefused()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", DiskSize, seed: 1), "disk.qcow2");

        Assert.Contains("but it has 8388608", AssertUntouched(TestImage.Declare(path, DiskSize / 2)).Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Disk_SmallerThanTheImage_IsRefused()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", DiskSize, seed: 1));

        var outcome = AssertUntouched(image, new RecordingTarget(new byte[DiskSize - 512]));

        Assert.Contains($"{DiskSize} bytes; the recording disk has {DiskSize - 512}", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void SectorSize_OtherThanTheImages_IsRefused()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", DiskSize, seed: 1));

        Assert.Contains("sectors of 4096", AssertUntouched(image, new RecordingTarget(new byte[DiskSize], sectorSize: 4096)).Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_ThatDoesNotSuffice_IsRefusedNamingTheFigure()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", DiskSize, seed: 1));

        var outcome = AssertUntouched(image, options: new WriteOptions(MemoryLimit: 12 << 20));

        Assert.Matches(@"needs at least \d+ MiB more memory", outcome.Reason!.Cause);
    }

    [Theory]
    [InlineData("GPT without")]
    [InlineData("MBR with")]
    [InlineData("nothing")]
    public void EfiSystem_ThatABootEntryNeedsAndIsNotThere_IsRefused(string table)
    {
        using var folder = new TestFolder();
        var path = folder.MakeDisk("disk.raw", DiskSize, seed: 1, gpt: table == "GPT without");
        if (table == "MBR with")
            MakeMbr(path, type: 0xef);
        var image = TestImage.Sign(path);

        var outcome = AssertUntouched(image, options: new WriteOptions(NeedsEfiSystem: true));

        Assert.Contains("no GPT with an EFI system partition", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Contains("Choose an image", outcome.Reason.Remedy, StringComparison.Ordinal);
        Assert.Equal(WriteStatus.Written, Writing.To(new RecordingTarget(new byte[DiskSize]), image).Status);
    }

    [Fact]
    public void LastCheck_ThatRefuses_IsAskedOnceBeforeTheComparison()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", DiskSize, seed: 1));
        var (asked, reads) = (0, 0);
        var target = new RecordingTarget(new byte[DiskSize]) { BeforeRead = (_, _) => reads++ };

        var outcome = AssertUntouched(image, target, new WriteOptions(Reuse: true, LastCheck: () =>
        {
            asked++;
            return new Rejection("It is too late.");
        }));

        Assert.Equal("It is too late.", outcome.Reason!.Cause);
        Assert.Equal((1, 0), (asked, reads));
    }

    [Theory]
    [InlineData(ulong.MaxValue, "reaches from sector 2048 to 18446744073709551615")]
    [InlineData(1UL << 63, "reaches from sector 2048 to 9223372036854775808")]
    [InlineData(2047UL, "reaches from sector 2048 to 2047")]
    public void Partition_ThatEndsNowhere_IsRefused(ulong lastLba, string reason)
    {
        using var folder = new TestFolder();
        var path = folder.MakeDisk("disk.raw", DiskSize, seed: 1);
        var bytes = File.ReadAllBytes(path);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(1024 + 40), lastLba);
        Seal(bytes, entryBytes: 128 * 128);
        File.WriteAllBytes(path, bytes);

        var (measured, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.Null(measured);
        Assert.Contains(reason, rejection!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void DiskWithoutRoomForABackupTable_IsRefused()
    {
        using var folder = new TestFolder();
        var bytes = File.ReadAllBytes(folder.MakeDisk("disk.raw", DiskSize, seed: 1))[..(5 * 512)];
        // Four free entries in one sector, and nothing but the two copies of the table on the disk: they would share a sector if it had one less.
        bytes.AsSpan(1024, 512).Clear();
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(512 + 40), 3);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(512 + 48), 3);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(512 + 80), 4);
        Seal(bytes, entryBytes: 512);
        File.WriteAllBytes(folder["small.raw"], bytes);
        Assert.Equal(WriteStatus.Written, Writing.To(new RecordingTarget(new byte[bytes.Length]), TestImage.Sign(folder["small.raw"])).Status);
        File.WriteAllBytes(folder["smaller.raw"], bytes[..(4 * 512)]);

        var outcome = AssertUntouched(TestImage.Sign(folder["smaller.raw"]), new RecordingTarget(new byte[4 * 512]));

        Assert.Contains("no room for a GPT and its backup", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(512 + 20, "header's CRC")]
    [InlineData(1024 + 130, "entries' CRC")]
    public void PartitionTable_Damaged_IsRefused(int at, string reason)
    {
        using var folder = new TestFolder();
        var path = folder.MakeDisk("disk.raw", DiskSize, seed: 1);
        var image = TestImage.Sign(path);
        // Signed while sound, so that the writer's own check is what is tested: the damaged twin has true indexes too.
        var bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
        var (measured, rejection) = MeasuredImage.Measure(path, null, TestContext.Current.CancellationToken);

        Assert.Null(measured);
        Assert.Contains(reason, rejection!.Cause, StringComparison.Ordinal);
        Assert.Contains("not what was signed", AssertUntouched(image).Reason!.Cause, StringComparison.Ordinal);
    }

    // The checksums of the entries and of the header, as whoever made this table would have them.
    private static void Seal(byte[] disk, int entryBytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan(512 + 88), Crc32.Of(disk.AsSpan(1024, entryBytes)));
        disk.AsSpan(512 + 16, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan(512 + 16), Crc32.Of(disk.AsSpan(512, 92)));
    }

    private static WriteOutcome AssertUntouched(TestImage image, RecordingTarget? target = null, WriteOptions? options = null)
    {
        target ??= new RecordingTarget(new byte[DiskSize * 2]);
        var outcome = Writing.To(target, image, options);
        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Empty(target.Writes);
        return outcome;
    }

    private static void MakeMbr(string path, byte type)
    {
        var sector = new byte[512];
        sector[446 + 4] = type;
        BinaryPrimitives.WriteInt32LittleEndian(sector.AsSpan(446 + 8), 2048);
        BinaryPrimitives.WriteInt32LittleEndian(sector.AsSpan(446 + 12), 4096);
        (sector[510], sector[511]) = (0x55, 0xaa);
        using var disk = File.OpenWrite(path);
        disk.Write(sector);
    }

    private static string MakeBad(TestFolder folder, string fault)
    {
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 1, gpt: false);
        var path = folder["bad.qcow2"];
        switch (fault)
        {
            case "backing file":
                Shell.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", path);
                return path;
            case "external data file":
                Shell.Run("qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={folder["data.raw"]}", path, "8M");
                return path;
        }

        // Clusters of 4 KiB make four L2 tables of this disk.
        string[] options = fault == "compressed beyond the end" ? ["-c"] : fault.Contains(" on ", StringComparison.Ordinal) || fault is "L2 named twice" or "compressed into an L2" ? ["-o", "cluster_size=4k"] : [];
        var file = File.ReadAllBytes(folder.Convert(raw, "good.qcow2", options));
        var l1 = (int)BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(40));
        var l2 = (int)(BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(l1)) & 0x00ff_ffff_ffff_fe00);
        switch (fault)
        {
            case "encrypted by LUKS":
                // As qemu-img writes it; on a busy machine it refuses to make one, since it cannot time its key derivation.
                Put32(32, 2);
                break;
            case "encrypted by AES":
                Put32(32, 1);
                break;
            case "corrupt bit":
                file[79] |= 2;
                break;
            case "unknown feature":
                file[77] |= 2;
                break;
            case "unknown feature with a name":
                file[77] |= 2;
                NameFeature();
                break;
            case "unknown compression":
                file[79] |= 8;
                file[104] = 7;
                break;
            case "version 4":
                file[7] = 4;
                break;
            case "cluster bits":
                Put32(20, 40);
                break;
            case "virtual size":
                Put64(24, (2UL << 40) + 512);
                break;
            case "L1 beyond the end":
                Put64(40, 1UL << 40);
                break;
            case "L1 unaligned":
                Put64(40, (uint)l1 + 512);
                break;
            case "L1 too short":
                Put32(36, 0);
                break;
            case "L2 beyond the end":
                Put64(l1, (1UL << 63) | (1UL << 40));
                break;
            case "L2 unaligned":
                Put64(l1, (1UL << 63) | (uint)(l2 + 512));
                break;
            case "L2 reserved bits":
                Put64(l1, (1UL << 60) | (uint)l2);
                break;
            case "cluster beyond the end":
                Put64(l2 + 8, (1UL << 63) | (1UL << 40));
                break;
            case "cluster unaligned":
                Put64(l2 + 8, (1UL << 63) | 66048);
                break;
            case "compressed beyond the end":
                Put64(l2 + 8, (1UL << 62) | (1UL << 40));
                break;
            case "cut off":
                file = file[..^(100 << 10)];
                break;
            case "header cut off":
                file = file[..70];
                break;
            case "L2 named twice":
                Put64(l1 + 16, Get64(l1));
                break;
            case "L2 on the L1":
                Put64(l1 + 8, (1UL << 63) | (uint)l1);
                break;
            case "cluster on the L1":
                Put64(l2 + 8, (1UL << 63) | (uint)l1);
                break;
            case "cluster on an L2":
                Put64(l2 + 8, Get64(l1 + 8));
                break;
            case "compressed on the header":
                Put64(l2 + 8, (1UL << 62) | 200);
                break;
            case "compressed on the L1":
                Put64(l2 + 8, (1UL << 62) | (uint)(l1 + 8));
                break;
            case "compressed on an L2":
                Put64(l2 + 8, (1UL << 62) | (uint)(l2 + 100));
                break;
            case "compressed into an L2":
                // Of clusters of 4 KiB, bit 58 is the first of the further sectors.
                Put64(l2 + 8, (1UL << 62) | (1UL << 58) | (uint)(l2 - 100));
                break;
            default:
                throw new ArgumentException(fault);
        }
        File.WriteAllBytes(path, file);
        return path;

        void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(at), value);

        void Put64(int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(file.AsSpan(at), value);

        ulong Get64(int at) => BinaryPrimitives.ReadUInt64BigEndian(file.AsSpan(at));

        // The first name of the table that qemu-img writes becomes that of bit 17.
        void NameFeature()
        {
            var name = file.AsSpan().IndexOf<byte>([0x68, 0x03, 0xf8, 0x57]) + 8;
            file.AsSpan(name, 48).Clear();
            file[name + 1] = 17;
            "time travel"u8.CopyTo(file.AsSpan(name + 2));
        }
    }
}
