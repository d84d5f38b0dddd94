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
            Assert.Equal(arch, inspection.Layout.Boot.Arch);
            Assert.Equal(firmware, string.Join(' ', inspection.Layout.Boot.Firmware));
        }
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
