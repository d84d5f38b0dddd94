using System.Buffers.Binary;

namespace Baremetal.Cli.Images;

/// <summary>
/// The partition that a partition image is booted from, for BIOS and UEFI alike: FAT32, with the kernel, its ramdisk, and GRUB for UEFI. GRUB
/// for BIOS lies before it, and finds the same files.
/// </summary>
internal static class BootVolume
{
    // Clusters of 4 KiB, which FAT32 has from 65525 of them on; half of it is left for the next kernel.
    private const long SmallestBytes = 260L << 20;
    private const long LargestBytes = 1L << 30;

    private const string GrubFolder = "/usr/lib/grub";
    private const string BootImage = $"{GrubFolder}/i386-pc/boot.img";

    private static readonly string[] Content = ["EFI", "grub", "vmlinuz", "initrd.img"];

    private const int SectorBytes = 512;
    private const int BootCodeLength = 440;

    // FAT to find the files, regexp and probe to find the root partition beside them.
    private static readonly string[] Modules = ["part_gpt", "fat", "linux", "normal", "configfile", "regexp", "probe", "echo", "test", "sleep", "reboot"];

    /// <summary>What GRUB needs in folders of its own: a file in each, and its package.</summary>
    public static IEnumerable<(string File, string Package)> Files { get; } =
    [
        (BootImage, "grub-pc-bin"),
        ($"{GrubFolder}/i386-pc/probe.mod", "grub-pc-bin"),
        ($"{GrubFolder}/x86_64-efi/probe.mod", "grub-efi-amd64-bin"),
    ];

    /// <summary>Bytes of it, a whole number of MiB.</summary>
    public static long SizeFor(BootFiles boot)
    {
        var content = new FileInfo(boot.Kernel).Length + new FileInfo(boot.Ramdisk).Length;
        return content <= LargestBytes / 2
            ? Math.Max(SmallestBytes, ((2 * content) + (1 << 20) - 1) >> 20 << 20)
            : throw Failure.Refused($"{boot.Kernel} and {boot.Ramdisk} have {content} bytes; the boot partition takes {LargestBytes / 2}.", "Are they a kernel and its ramdisk?");
    }

    /// <summary>Makes the file system.</summary>
    /// <param name="tools">What runs the tools.</param>
    /// <param name="boot">Kernel, ramdisk and arguments.</param>
    /// <param name="rootPartition">The number of the root partition on the same disk.</param>
    /// <param name="folder">For what is needed on the way.</param>
    /// <param name="path">The file system's image.</param>
    public static void Make(Action<SigningTool, string[]> tools, BootFiles boot, int rootPartition, string folder, string path)
    {
        var content = Directory.CreateDirectory(Path.Combine(folder, "boot")).FullName;
        Directory.CreateDirectory(Path.Combine(content, "EFI", "BOOT"));
        Directory.CreateDirectory(Path.Combine(content, "grub"));
        File.Copy(boot.Kernel, Path.Combine(content, "vmlinuz"));
        File.Copy(boot.Ramdisk, Path.Combine(content, "initrd.img"));
        File.WriteAllText(Path.Combine(content, "grub", "grub.cfg"), Script(boot, rootPartition));
        tools(SigningTool.GrubMkimage, ["-O", "x86_64-efi", "-p", Prefix, "-o", Path.Combine(content, "EFI/BOOT/BOOTX64.EFI"), .. Modules, "efi_gop"]);
        foreach (var entry in Directory.EnumerateFileSystemEntries(content, "*", SearchOption.AllDirectories))
            File.SetLastWriteTimeUtc(entry, new DateTime(1980, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        tools(SigningTool.MkfsVfat, ["-C", "-F", "32", "-s", "8", "--invariant", "-n", "BOOT", path, $"{SizeFor(boot) >> 10}"]);
        tools(SigningTool.Mcopy, ["-s", "-m", "-i", path, .. Content.Select(name => Path.Combine(content, name)), "::"]);
    }

    /// <summary>What BIOS starts: the code for LBA 0, and what that loads, made to find each other.</summary>
    /// <param name="coreOffset">Where the second will lie, in bytes.</param>
    public static (byte[] BootCode, byte[] Core) MakeForBios(Action<SigningTool, string[]> tools, long coreOffset, string folder)
    {
        var path = Path.Combine(folder, "core.img");
        tools(SigningTool.GrubMkimage, ["-O", "i386-pc", "-p", Prefix, "-o", path, .. Modules, "biosdisk"]);
        var core = File.ReadAllBytes(path);
        var code = File.ReadAllBytes(BootImage)[..BootCodeLength];
        // As grub-bios-setup does it (GRUB, include/grub/i386/pc/boot.h). In boot.img: where core.img begins, and two NOPs for firmware that passes
        // a wrong drive number. At the end of core.img's first sector: where its second one is, and how many follow.
        var sector = (ulong)(coreOffset / SectorBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(code.AsSpan(0x5c), sector);
        BinaryPrimitives.WriteUInt16LittleEndian(code.AsSpan(0x66), 0x9090);
        BinaryPrimitives.WriteUInt64LittleEndian(core.AsSpan(0x1f4), sector + 1);
        BinaryPrimitives.WriteUInt16LittleEndian(core.AsSpan(0x1fc), (ushort)((core.Length - 1) / SectorBytes));
        return (code, core);
    }

    // The partition of this very disk, whatever else is attached; GRUB fills in the disk that it was loaded from.
    private static string Prefix => $"(,gpt{ComposedDisk.BootPartition})/grub";

    // The root partition is found by its place, and told to the kernel by the GUID that it has now: a deploy gives each server's disk its own.
    private static string Script(BootFiles boot, int rootPartition) => $"""
        regexp --set=1:disk '^([^,]*)' "$root"
        probe --set=id --part-uuid ($disk,gpt{rootPartition})
        if [ -z "$id" ]; then
            echo "The disk $disk has no partition {rootPartition} with the root file system."
            sleep 60
            reboot
        fi
        linux /vmlinuz root=PARTUUID=$id ro {boot.Arguments}
        initrd /initrd.img
        boot

        """;
}
