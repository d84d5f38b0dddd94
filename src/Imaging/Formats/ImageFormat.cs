namespace Baremetal.Imaging.Formats;

/// <summary>
/// What a file is, decided from its content alone: a name or a declared type may lie, and raw read as qcow2 (or the other way round) is how
/// images have been made to read files of their host (CVE-2024-32498, CVE-2026-24708).
/// </summary>
/// <param name="Name">As the manifest has it, or the field's name for a format that is not written.</param>
/// <param name="Remedy">Null if it can be written, else what to do about it.</param>
public sealed record ImageFormat(string Name, string? Remedy = null)
{
    public static readonly ImageFormat Raw = new("raw");
    public static readonly ImageFormat Qcow2 = new("qcow2");

    /// <summary>Bytes that <see cref="Identify"/> wants from the file's start: the last magic lies at 32 KiB.</summary>
    public const int HeadLength = 36 << 10;

    /// <summary>Bytes that <see cref="Identify"/> wants from the file's end: the footer of a fixed VHD.</summary>
    public const int TailLength = 512;

    private const string Convert = "Convert it with 'qemu-img convert -O qcow2 -c' and sign the result.";
    private const string Unpack = "Decompress it, convert it with 'qemu-img convert -O qcow2 -c' and sign the result.";

    private static readonly (int Offset, byte[] Magic, ImageFormat Format)[] _signatures =
    [
        (0, [.. "QFI"u8, 0xfb, 0, 0, 0, 1], new("qcow version 1", Convert)),
        (0, [.. "QFI"u8, 0xfb], Qcow2),
        (0, "QED\0"u8.ToArray(), new("QED", Convert)),
        (0, "KDMV"u8.ToArray(), new("VMDK", Convert)),
        (0, "COWD"u8.ToArray(), new("VMDK", Convert)),
        (0, "# Disk DescriptorFile"u8.ToArray(), new("VMDK", Convert)),
        (0, "vhdxfile"u8.ToArray(), new("VHDX", Convert)),
        (0, "conectix"u8.ToArray(), new("VHD", Convert)),
        (64, [0x7f, 0x10, 0xda, 0xbe], new("VDI", Convert)),
        (0, "WithoutFreeSpace"u8.ToArray(), new("Parallels", Convert)),
        (0, "WithouFreSpacExt"u8.ToArray(), new("Parallels", Convert)),
        (0, [.. "LUKS"u8, 0xba, 0xbe], new("LUKS", "Encrypted images are not written: decrypt it and sign the result.")),
        (0, [0x1f, 0x8b, 0x08], new("gzip", Unpack)),
        (0, [0xfd, .. "7zXZ\0"u8], new("xz", Unpack)),
        (0, [0x28, 0xb5, 0x2f, 0xfd], new("zstd", Unpack)),
        (0, "BZh"u8.ToArray(), new("bzip2", Unpack)),
        (0, [0x04, 0x22, 0x4d, 0x18], new("lz4", Unpack)),
        (0, "PK\u0003\u0004"u8.ToArray(), new("zip", Unpack)),
        (257, "ustar"u8.ToArray(), new("tar or OVA", "Take the disk image out of it, convert that and sign the result.")),
        (32769, "CD001"u8.ToArray(), new("ISO 9660", "An ISO image is for optical media: sign the disk image of the system instead.")),
    ];

    private static readonly ImageFormat _fixedVhd = new("VHD", Convert);

    public bool IsWritable => Remedy is null;

    /// <summary>What has no other format's magic is raw.</summary>
    public static ImageFormat Identify(ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail)
    {
        foreach (var (offset, magic, format) in _signatures)
        {
            if (head.Length >= offset + magic.Length && head.Slice(offset, magic.Length).SequenceEqual(magic))
                return format;
        }
        return tail.StartsWith("conectix"u8) ? _fixedVhd : Raw;
    }
}
