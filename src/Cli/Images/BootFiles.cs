using System.Buffers.Binary;
using Baremetal.Imaging.Inspection;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary>What makes a root file system a system that boots: its kernel and that kernel's ramdisk, as they were given.</summary>
internal sealed record BootFiles(string Kernel, string Ramdisk, string Arguments)
{
    // Others mean something to GRUB, and would not reach the kernel.
    private const string ArgumentMarks = "=,.:/_-+@% ";

    // Linux, Documentation/x86/boot.rst: "HdrS" at 0x202, the version of the protocol behind it; 64-bit kernels are of 2.12 at least.
    private const int HeaderAt = 0x202;
    private const ushort LeastProtocol = 0x20c;
    private const int HeadLength = 1024;

    // Linux, Documentation/driver-api/early-userspace/buffer-format.rst, and the compressions of lib/decompress.c.
    private static readonly byte[][] RamdiskMagics =
    [
        "07070"u8.ToArray(), [0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd], [0xfd, .. "7zXZ\0"u8], [0x02, 0x21, 0x4c, 0x18], "BZh"u8.ToArray(), [0x5d, 0, 0], [0x89, .. "LZO"u8],
    ];

    /// <summary>All that their options and their first bytes tell; throws what is wrong.</summary>
    /// <returns>Null if neither was given.</returns>
    public static BootFiles? Read(string? kernel, string? ramdisk, string? arguments)
    {
        if (kernel is null && ramdisk is null)
            return arguments is null ? null : throw Failure.WrongUsage("--kernel-args is given without --kernel.", "They are for the kernel of a partition image; a whole-disk image has its own.");
        if (kernel is null || ramdisk is null)
            throw Failure.WrongUsage($"{(kernel is null ? "--ramdisk" : "--kernel")} is given without {(kernel is null ? "--kernel" : "--ramdisk")}.", "A partition image needs both: those of its own /boot.");
        RequireArguments(arguments ?? "");
        if (!IsKernel(Head(kernel, "kernel")))
            throw Failure.Refused($"{kernel} is no kernel that x86_64 servers are booted with.", "Give the root file system's own /boot/vmlinuz-…, and its ramdisk to --ramdisk.");
        if (!IsRamdisk(Head(ramdisk, "ramdisk")))
            throw Failure.Refused($"{ramdisk} is no initial ramdisk: it is neither a cpio archive nor compressed.", "Give the root file system's own /boot/initrd.img-…, and its kernel to --kernel.");
        return new BootFiles(kernel, ramdisk, arguments ?? "");
    }

    /// <summary>Throws why these files and this image do not make a system that boots.</summary>
    public static void RequireFit(BootFiles? boot, string file, ImageInspection found)
    {
        if (found.Refused is { } refused)
            throw Failure.Refused(refused);
        if (found.Layout is not { } layout)
            return;
        if (boot is null && layout.FileSystem is { } bare)
            throw Failure.Refused($"{file} is a bare file system ({bare.Name}), without a partition table: nothing would boot it.", "Sign it with its --kernel and --ramdisk, as a partition image, or make an image of the whole disk.");
        if (boot is null)
            return;
        if (layout.PartitionTable != DiskLayout.NoTable)
            throw Failure.Refused($"{file} is a whole-disk image: it has a partition table ({layout.PartitionTable}) and a boot loader of its own.", "Sign it without --kernel and --ramdisk, or give the image of its root file system alone.");
        if (layout.FileSystem is not { } root)
            throw Failure.Refused($"{file} has neither a partition table nor a file system that is known as a root (ext2, ext3, ext4, xfs, btrfs).", "Give the image of a root file system.");
        if (root.Bytes > found.DiskBytes)
            throw Failure.Refused($"{file} was cut: its {root.Name} file system has {root.Bytes} bytes, and the image {found.DiskBytes}.", "Make the image again.");
    }

    private static void RequireArguments(string arguments)
    {
        if (arguments.FirstOrDefault(letter => !char.IsAsciiLetterOrDigit(letter) && !ArgumentMarks.Contains(letter, StringComparison.Ordinal)) is var odd and not '\0')
            throw Failure.WrongUsage($"--kernel-args '{Printable.Of(arguments)}' has '{Printable.Of(odd.ToString())}', which the boot loader would take for its own.", $"Letters, digits and {ArgumentMarks.Trim()} are passed on.");
        if (arguments.Split(' ').Any(word => word.StartsWith("root=", StringComparison.Ordinal)))
            throw Failure.WrongUsage("--kernel-args names a root.", "Leave it out: it is the root partition of the disk that is booted, by its PARTUUID.");
    }

    private static bool IsKernel(ReadOnlySpan<byte> head) =>
        head.Length == HeadLength && head[HeaderAt..].StartsWith("HdrS"u8) && BinaryPrimitives.ReadUInt16LittleEndian(head[(HeaderAt + 4)..]) >= LeastProtocol;

    private static bool IsRamdisk(byte[] head) => RamdiskMagics.Any(magic => head.AsSpan().StartsWith(magic));

    private static byte[] Head(string path, string what)
    {
        if (Directory.Exists(path))
            throw Failure.Refused($"The {what} {path} is a directory.", "Name the file in it.");
        if (!File.Exists(path))
            throw Failure.NotFound($"The {what} {path} does not exist.");
        using var file = File.OpenRead(path);
        var head = new byte[HeadLength];
        return head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
    }
}
