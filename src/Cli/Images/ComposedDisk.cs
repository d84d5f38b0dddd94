using Baremetal.Imaging.Inspection;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary>
/// The disk that a partition image becomes before it is signed, so that all of it is signed, boot loader and kernel too, and an agent writes it as it
/// writes any other.
/// <code>
///   0                1 MiB        2 MiB                           262 MiB or more         end - 1 MiB
///   | boot code, GPT | BIOS boot  | boot: an EFI system partition | root: the image as    | backup GPT |
///   |                | GRUB       | kernel, ramdisk, GRUB         | it was given          |            |
/// </code>
/// Nothing of the image is mounted, executed or changed for it: its bytes are copied, and GRUB is this machine's own.
/// </summary>
internal static class ComposedDisk
{
    public const int BootPartition = 2;
    public const int RootPartition = 3;

    private const long MiB = 1 << 20;
    private const long BiosOffset = MiB;
    private const long BootOffset = 2 * MiB;
    private const string What = "The partition image could not be made into a disk";

    // The type says what is there to who looks for it (the Discoverable Partitions Specification).
    private const string RootType = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";

    private static readonly SigningTool[] Tools = [SigningTool.Sgdisk, SigningTool.MkfsVfat, SigningTool.Mcopy, SigningTool.GrubMkimage, SigningTool.QemuImg];

    /// <summary>Throws what is missing on this machine, all of it at once.</summary>
    public static void RequireTools(Shell shell)
    {
        string[] packages =
        [
            .. Tools.Where(tool => !tool.IsIn(shell.Variable("PATH"))).Select(tool => tool.Package)
                .Concat(BootVolume.Files.Where(needed => !File.Exists(needed.File)).Select(needed => needed.Package)).Distinct(),
        ];
        if (packages.Length > 0)
            throw new Failure(ExitCodes.Failed, new($"{What}: what makes its boot partition is not installed here.", $"Install {string.Join(", ", packages)}."));
    }

    /// <summary>Makes a compressed qcow2 of the whole disk.</summary>
    /// <param name="root">The image of the root file system, which <paramref name="found"/> was found in.</param>
    /// <param name="folder">For what is needed on the way.</param>
    /// <param name="result">The disk's path.</param>
    /// <returns>What it is made of.</returns>
    public static PartitionImage Make(Shell shell, BootFiles boot, string root, ImageInspection found, string folder, string result, CancellationToken cancel)
    {
        var rootOffset = BootOffset + BootVolume.SizeFor(boot);
        var rootBytes = found.DiskBytes!.Value;
        var partitionBytes = (rootBytes + MiB - 1) / MiB * MiB;
        var made = new PartitionImage(RootPartition, rootOffset, partitionBytes, found.Layout!.FileSystem!.Name, DigestOf(root), DigestOf(boot.Kernel), DigestOf(boot.Ramdisk), boot.Arguments);
        var (frame, volume) = (Path.Combine(folder, "frame.raw"), Path.Combine(folder, "boot.img"));
        var size = rootOffset + partitionBytes + MiB;
        if (size > ChunkLayout.MaxSize)
            throw Failure.Refused($"{root} would become a disk of {size} bytes; at most {ChunkLayout.MaxSize} (2 TiB) can be written.");

        MakeFrame(Run, made, frame, size);
        BootVolume.Make(Run, boot, RootPartition, folder, volume);
        made = made with { Kernel = PlaceOf(boot.Kernel, made.KernelSha256), Ramdisk = PlaceOf(boot.Ramdisk, made.RamdiskSha256) };
        var (code, core) = BootVolume.MakeForBios(Run, BiosOffset, folder);
        if (core.Length > BootOffset - BiosOffset)
            throw new Failure(ExitCodes.Failed, new($"{What}: GRUB for BIOS has {core.Length} bytes here, and its partition {BootOffset - BiosOffset}."));
        Place(frame, (0, code), (BiosOffset, core));
        // One after the other they are the disk; the formats are given, so that no content is taken for one.
        Run(SigningTool.QemuImg,
        [
            "convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd", "--image-opts",
            Part("raw", frame, 0, BootOffset), Part("raw", volume), Part(found.Format, root), Part("raw", frame, rootOffset + rootBytes, size - rootOffset - rootBytes),
            result,
        ]);
        return made;

        DiskExtent? PlaceOf(string file, Digest digest) => FilePlace.Of(file, digest, volume) is { } place ? place with { Offset = BootOffset + place.Offset } : null;

        void Run(SigningTool tool, string[] arguments) => tool.Run(shell.Variable("PATH"), What, arguments, cancel);
    }

    private static void MakeFrame(Action<SigningTool, string[]> tools, PartitionImage made, string path, long size)
    {
        using (var file = File.Create(path))
            file.SetLength(size);
        tools(SigningTool.Sgdisk,
        [
            "--clear", $"--disk-guid={IdOf(made, 0)}",
            .. Partition(1, BiosOffset, BootOffset, $"{GptEntry.BiosBoot}", "bios"),
            .. Partition(BootPartition, BootOffset, made.RootOffset, $"{GptEntry.EfiSystem}", "boot"),
            .. Partition(RootPartition, made.RootOffset, made.RootOffset + made.RootBytes, RootType, "root"),
            path,
        ]);

        string[] Partition(int number, long from, long to, string type, string name) =>
            [$"--new={number}:{from / 512}:{(to / 512) - 1}", $"--typecode={number}:{type}", $"--partition-guid={number}:{IdOf(made, number)}", $"--change-name={number}:{name}"];
    }

    // The same files make the same disk.
    private static Guid IdOf(PartitionImage made, int number)
    {
        Span<byte> seed = stackalloc byte[(3 * Digest.Size) + 1];
        foreach (var (i, digest) in new[] { made.RootSha256, made.KernelSha256, made.RamdiskSha256 }.Index())
            digest.CopyTo(seed[(i * Digest.Size)..]);
        seed[^1] = (byte)number;
        return DerivedId.Of(seed);
    }

    private static void Place(string path, params ReadOnlySpan<(long Offset, byte[] Content)> pieces)
    {
        using var file = File.OpenHandle(path, access: FileAccess.Write);
        foreach (var (offset, content) in pieces)
            RandomAccess.Write(file, content, offset);
    }

    private static string Part(string format, string path, long? offset = null, long? size = null) =>
        $"driver={format}{(offset is null ? "" : $",offset={offset},size={size}")},file.driver=file,file.filename={Path.GetFullPath(path).Replace(",", ",,", StringComparison.Ordinal)}";

    private static Digest DigestOf(string path)
    {
        using var file = File.OpenRead(path);
        return Digest.Of(file);
    }
}
