using System.Buffers.Binary;
using Baremetal.Imaging.Inspection;

namespace Baremetal.Imaging.Tests.Inspection;

public sealed class ImageInspectionTests
{
    [Theory]
    [InlineData("BOOTX64.EFI", 12, true, "x86_64", "bios uefi")]
    [InlineData("BOOTX64.EFI", 16, false, "x86_64", "uefi")]
    [InlineData("BOOTAA64.EFI", 32, false, "aarch64", "uefi")]
    [InlineData("BOOTAA64.EFI", 16, true, "any", "bios uefi")]
    [InlineData("GRUBX64.EFI", 16, false, "any", "")]
    [InlineData(null, 16, true, "x86_64", "bios")]
    public void BootModes_OfADisk_AreReadFromItsLoaders(string? loader, int fatBits, bool bootCode, string arch, string firmware)
    {
        using var folder = new TestFolder();
        var raw = MakeSystem(folder, loader, fatBits, bootCode);

        foreach (var path in new[] { raw, folder.Convert(raw, "disk.qcow2", "-c") })
        {
            var inspection = ImageInspection.Of(path);

            Assert.Null(inspection.Refused);
            Assert.Equal("gpt", inspection.Layout!.PartitionTable);
            Assert.Equal(512, inspection.Layout.SectorSize);
            Assert.Equal(["esp", "root"], inspection.Layout.Partitions.Select(partition => partition.Name));
            Assert.Equal(["EFI system", "Linux data"], inspection.Layout.Partitions.Select(partition => partition.TypeName));
            Assert.Equal(arch, inspection.Layout.Boot.Arch);
            Assert.Equal(firmware, string.Join(' ', inspection.Layout.Boot.Firmware));
        }
    }

    [Theory]
    [InlineData("ext2", 40 << 20)]
    [InlineData("ext3", 40 << 20)]
    [InlineData("ext4", 40 << 20)]
    [InlineData("btrfs", 160 << 20)]
    [InlineData("xfs", 320 << 20)]
    public void Of_ABareFileSystem_NamesItAndItsSize(string name, long size)
    {
        using var folder = new TestFolder();
        var path = folder["root.raw"];
        using (var file = File.Create(path))
            file.SetLength(size);
        Shell.Run($"/usr/sbin/mkfs.{name}", "-q", path);

        foreach (var image in new[] { path, folder.Convert(path, "root.qcow2", "-c") })
        {
            var layout = ImageInspection.Of(image).Layout!;

            Assert.Equal(("none", new FileSystem(name, size)), (layout.PartitionTable, layout.FileSystem));
            Assert.Empty(layout.Boot.Firmware);
        }
    }

    [Fact]
    public void Of_ADiskWithPartitions_IsNoFileSystem()
    {
        using var folder = new TestFolder();

        Assert.Null(ImageInspection.Of(folder.MakeDisk("disk.raw", 20 << 20, seed: 2)).Layout!.FileSystem);
        Assert.Null(ImageInspection.Of(folder.MakeDisk("noise.raw", 20 << 20, seed: 2, gpt: false)).Layout!.FileSystem);
    }

    [Fact]
    public void Of_AQcow2_TellsSizesAndFeatures()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", 20 << 20, seed: 2), "disk.qcow2", "-c", "-o", "compression_type=zstd,cluster_size=128k");
        Shell.Run("qemu-img", "snapshot", "-c", "one", path);

        var inspection = ImageInspection.Of(path);

        Assert.Equal(("qcow2", "zstd", 20L << 20, new FileInfo(path).Length), (inspection.Format, inspection.Compression, inspection.DiskBytes, inspection.FileBytes));
        Assert.InRange(inspection.AllocatedBytes!.Value, 1 << 20, 20 << 20);
        Assert.Equal(["version 3", "clusters of 131072 bytes", "1 internal snapshot(s), not written"], inspection.Features);
    }

    [Fact]
    public void Of_AQcow2WithSnapshots_NamesThem()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", 4 << 20, seed: 2), "disk.qcow2", "-o", "extended_l2=on,cluster_size=64k");
        foreach (var name in new[] { "before the update", "größer", "x" })
            Shell.Run("qemu-img", "snapshot", "-c", name, path);

        var facts = ImageInspection.Of(path).Qcow2!;

        Assert.Equal((3, 64L << 10, true, 4UL << 20, null, null), (facts.Version, facts.ClusterBytes, facts.HasSubclusters, facts.DiskBytes, facts.Encryption, facts.BackingFile));
        Assert.Equal(3u, facts.SnapshotCount);
        Assert.Equal(["before the update", "größer", "x"], facts.Snapshots.Select(snapshot => snapshot.Name));
        Assert.Equal(["1", "2", "3"], facts.Snapshots.Select(snapshot => snapshot.Id));
        Assert.All(facts.Snapshots, snapshot => Assert.InRange(snapshot.TakenAt.Year, 2024, 2100));
        Assert.Empty(facts.UnknownFeatures);
    }

    [Fact]
    public void Of_AQcow2WhoseSnapshotTableIsDamaged_NamesWhatCanBeRead()
    {
        using var folder = new TestFolder();
        var path = folder.Convert(folder.MakeDisk("disk.raw", 4 << 20, seed: 2), "disk.qcow2");
        Shell.Run("qemu-img", "snapshot", "-c", "one", path);
        var file = File.ReadAllBytes(path);
        foreach (var (count, offset) in new[] { (2u, 0UL), (uint.MaxValue, (ulong)file.Length - 8), (5u, ulong.MaxValue - 3), (7u, 1UL << 62) })
        {
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(60), count);
            if (offset != 0)
                BinaryPrimitives.WriteUInt64BigEndian(file.AsSpan(64), offset);
            File.WriteAllBytes(path, file);

            var facts = ImageInspection.Of(path).Qcow2!;

            Assert.Equal(count, facts.SnapshotCount);
            Assert.True(facts.Snapshots.Count <= 2);
        }
    }

    [Fact]
    public void Of_ARefusedQcow2_TellsWhatItIsAllTheSame()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", 4 << 20, seed: 2);
        Shell.Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", folder["overlay"]);
        var file = File.ReadAllBytes(folder["overlay"]);
        // Incompatible bit 40, which the file does not name, and autoclear bit 9.
        (file[74], file[94]) = (1, 2);
        File.WriteAllBytes(folder["overlay"], file);

        var inspection = ImageInspection.Of(folder["overlay"]);

        Assert.Contains("backing file", inspection.Refused!.Cause, StringComparison.Ordinal);
        Assert.Equal((4L << 20, (long?)null), (inspection.DiskBytes, inspection.AllocatedBytes));
        Assert.Equal(raw, inspection.Qcow2!.BackingFile);
        Assert.Equal(["incompatible 40", "autoclear 9"], inspection.Qcow2.UnknownFeatures);
    }

    [Fact]
    public void Of_AnMbr_NamesItsPartitions()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", 8 << 20, seed: 2, gpt: false);
        var sector = new byte[512];
        foreach (var (at, type, first, count) in new[] { (446, 0x83, 2048, 4096), (478, 0xef, 6144, 2048), (494, 0xdb, 8192, 1) })
        {
            sector[at + 4] = (byte)type;
            BinaryPrimitives.WriteInt32LittleEndian(sector.AsSpan(at + 8), first);
            BinaryPrimitives.WriteInt32LittleEndian(sector.AsSpan(at + 12), count);
        }
        (sector[510], sector[511]) = (0x55, 0xaa);
        using (var disk = File.OpenWrite(raw))
            disk.Write(sector);

        var layout = ImageInspection.Of(raw).Layout!;

        Assert.Equal("mbr", layout.PartitionTable);
        Assert.Equal(
            [
                new DiskPartition(1, "0x83", "Linux", 2048, 6143, 2 << 20, null, null),
                new DiskPartition(3, "0xef", "EFI system", 6144, 8191, 1 << 20, null, null),
                new DiskPartition(4, "0xdb", null, 8192, 8192, 512, null, null),
            ],
            layout.Partitions);
    }

    [Fact]
    public void Of_AnotherFormat_NamesItAndSaysWhy()
    {
        using var folder = new TestFolder();
        Shell.Run("qemu-img", "create", "-q", "-f", "vmdk", folder["disk"], "10M");

        var inspection = ImageInspection.Of(folder["disk"]);

        Assert.Equal("VMDK", inspection.Format);
        Assert.Contains("VMDK", inspection.Refused!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_AnEmptyFile_IsAnError()
    {
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["disk"], []);

        Assert.Contains("is empty", Assert.Throws<IOException>(() => ImageInspection.Of(folder["disk"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ALink_IsThatOfTheFileItLeadsTo()
    {
        using var folder = new TestFolder();
        var path = folder.MakeDisk("disk.raw", 4 << 20, seed: 2);
        File.CreateSymbolicLink(folder["link"], path);

        var inspection = ImageInspection.Of(folder["link"]);

        Assert.Equal((null, 4 << 20), (inspection.Refused, inspection.FileBytes));
    }

    [Theory]
    [InlineData((2L << 40) + 512)]
    [InlineData(4L << 60)]
    public void Of_AFileLargerThanIsWritten_IsAnErrorNamingTheMost(long size)
    {
        using var folder = new TestFolder();
        using (var file = File.Create(folder["disk"]))
            file.SetLength(size);

        Assert.Contains("2 TiB", Assert.Throws<IOException>(() => ImageInspection.Of(folder["disk"])).Message, StringComparison.Ordinal);
    }

    private static string MakeSystem(TestFolder folder, string? loader, int fatBits, bool bootCode)
    {
        var (raw, esp) = (folder["disk.raw"], folder["esp"]);
        // FAT32 wants 65525 clusters at least.
        var mebibytes = fatBits == 32 ? 40 : fatBits == 16 ? 8 : 1;
        Shell.Run("truncate", "-s", $"{mebibytes + 6}M", raw);
        Shell.Run("sgdisk", "--clear", $"--new=1:2048:+{mebibytes}M", "--typecode=1:ef00", "--change-name=1:esp", "--new=2:0:0", "--change-name=2:root", raw);
        Shell.Run("mkfs.vfat", "-C", "-F", $"{fatBits}", "-s", "1", esp, $"{mebibytes * 1024}");
        Shell.Run("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT", "::/EFI/debian");
        if (loader is not null)
        {
            File.WriteAllText(folder[loader], "a loader");
            Shell.Run("mcopy", "-i", esp, folder[loader], "::/EFI/BOOT");
        }
        Shell.Run("dd", $"if={esp}", $"of={raw}", "bs=1M", "seek=1", "conv=notrunc", "status=none");
        if (bootCode)
            Shell.Run("sh", "-c", $"printf '\\353\\143\\220' | dd of='{raw}' conv=notrunc status=none");
        return raw;
    }
}
