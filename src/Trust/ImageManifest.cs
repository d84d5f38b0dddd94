using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Trust;

/// <summary>
/// What an image is: an in-toto Statement v1 whose subjects are the decoded disk and the file that it travels in. Signed once, offline;
/// every byte that reaches a disk is checked against the indexes that it names.
/// </summary>
public sealed record ImageManifest(
    [property: JsonPropertyName("_type")] string Type,
    Subject[] Subject,
    string PredicateType,
    ImagePredicate Predicate)
{
    public const string PayloadType = "application/vnd.in-toto+json";
    public const string StatementType = "https://in-toto.io/Statement/v1";
    public const string ImagePredicateType = "urn:baremetal:image-manifest:v1";
    public const string DiskSubject = "disk";
    public const string SourceSubject = "source";

    public static ImageManifest Of(ImagePredicate predicate, Digest disk, Digest source) =>
        new(StatementType, [new(DiskSubject, new(disk)), new(SourceSubject, new(source))], ImagePredicateType, predicate);

    /// <summary>SHA-256 of the whole decoded disk.</summary>
    [JsonIgnore]
    public Digest DiskDigest => DigestOf(DiskSubject);

    /// <summary>SHA-256 of the whole image file: its address as a blob.</summary>
    [JsonIgnore]
    public Digest SourceDigest => DigestOf(SourceSubject);

    public byte[] ToPayload() => JsonSerializer.SerializeToUtf8Bytes(this, DocumentJson.Default.ImageManifest);

    /// <summary>Reads a payload whose signatures hold. Everything that the writer relies on later is checked here.</summary>
    public static bool TryParse(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out ImageManifest? manifest, [NotNullWhen(false)] out Rejection? rejection)
    {
        manifest = null;
        rejection = null;
        ImageManifest? read;
        try
        {
            read = JsonSerializer.Deserialize(payload, DocumentJson.Default.ImageManifest);
        }
        catch (JsonException e)
        {
            rejection = new Rejection($"The image manifest cannot be read: {e.Message}");
            return false;
        }
        rejection = read is null ? new Rejection("The image manifest is empty.") : read.FirstFault();
        if (rejection is not null)
            return false;
        manifest = read!;
        return true;
    }

    private Rejection? FirstFault()
    {
        if (Type != StatementType || PredicateType != ImagePredicateType)
            return new Rejection($"The signed statement is not an image manifest (its predicate type is '{PredicateType}').");
        if (Subject.Length != 2 || Subject.Count(s => s?.Name == DiskSubject) != 1 || Subject.Count(s => s?.Name == SourceSubject) != 1)
            return new Rejection($"The image manifest must have two subjects, '{DiskSubject}' and '{SourceSubject}'.");
        if (!ImageName.IsValid(Predicate.Name) || !ImageName.IsValid(Predicate.Version))
            return new Rejection("The image manifest's name or version has characters other than letters, digits, '.', '_', '+' and '-', or more than 100.");
        if (Array.Exists(Predicate.Firmware, mode => mode is null))
            return new Rejection($"The manifest of image {Predicate.Name} lists an empty firmware mode.");
        return Predicate.Disk.FirstFault(Predicate.Name) ?? Predicate.Source.FirstFault(Predicate.Name) ?? Predicate.Partition?.FirstFault(Predicate);
    }

    private Digest DigestOf(string subject) => Subject.Single(s => s.Name == subject).Digest.Sha256;
}

public sealed record Subject(string Name, SubjectDigest Digest);

public sealed record SubjectDigest(Digest Sha256);

/// <summary>
/// <paramref name="Arch"/> as <c>uname -m</c> has it, or <c>any</c>; <paramref name="Firmware"/> of <c>bios</c>, <c>uefi</c>, empty if nobody knows;
/// <paramref name="Release"/> only grows for a name, so that an old image can be refused.
/// </summary>
public sealed record ImagePredicate(
    string Name,
    string Version,
    string Arch,
    string[] Firmware,
    ulong Release,
    DateTimeOffset CreatedAt,
    DiskContent Disk,
    SourceContent Source,
    DateTimeOffset? NotAfter = null,
    Provenance? Provenance = null,
    PartitionImage? Partition = null)
{
    public const string AnyArch = "any";
}

/// <summary>Bytes that are listed chunk by chunk in an index; <paramref name="Hash"/> is <c>sha256</c>.</summary>
public abstract record ChunkedContent(long Size, int ChunkSize, long ChunkCount, string Hash, IndexReference Index)
{
    public const string Sha256 = "sha256";

    [JsonIgnore]
    public ChunkLayout Layout => new(Size, ChunkSize);

    protected Rejection? FirstFault(string image, string what, int smallestChunk)
    {
        if (Hash != Sha256)
            return new Rejection($"The manifest of image {image} lists its {what} by '{Hash}'; only sha256 is known.");
        if (Size is <= 0 or > ChunkLayout.MaxSize)
            return new Rejection($"The {what} of image {image} has {Size} bytes; it must have between 1 and {ChunkLayout.MaxSize} (2 TiB).");
        if (ChunkSize < smallestChunk || ChunkSize > ChunkLayout.MaxChunkSize || !System.Numerics.BitOperations.IsPow2(ChunkSize) || (Size - 1) / ChunkSize >= 1 << 21)
            return new Rejection($"The {what} chunks of image {image} have {ChunkSize} bytes; that must be a power of two from {smallestChunk} to {ChunkLayout.MaxChunkSize} that makes at most 2^21 chunks.");
        if (ChunkCount != Layout.Count || Index.Size != ChunkCount * Digest.Size)
            return new Rejection($"The manifest of image {image} contradicts itself: its {what}'s size, chunk size, chunk count and index size do not fit together.");
        return null;
    }
}

/// <summary>The decoded disk; <paramref name="SectorSize"/> is the one that its partition table was made for.</summary>
public sealed record DiskContent(long Size, int SectorSize, int ChunkSize, long ChunkCount, string Hash, IndexReference Index)
    : ChunkedContent(Size, ChunkSize, ChunkCount, Hash, Index)
{
    internal Rejection? FirstFault(string image)
    {
        if (SectorSize is not (512 or 4096))
            return new Rejection($"Image {image} is made for sectors of {SectorSize} bytes; disks have 512 or 4096.");
        if (Size % SectorSize != 0)
            return new Rejection($"The disk of image {image} has {Size} bytes, which is no multiple of its sector size {SectorSize}.");
        return FirstFault(image, "disk", ChunkLayout.SmallestDiskChunk);
    }
}

/// <summary>The file that the disk travels in; <paramref name="Compression"/> is <c>none</c>, <c>zlib</c> or <c>zstd</c>.</summary>
public sealed record SourceContent(string Format, string Compression, long Size, int ChunkSize, long ChunkCount, string Hash, IndexReference Index)
    : ChunkedContent(Size, ChunkSize, ChunkCount, Hash, Index)
{
    internal Rejection? FirstFault(string image) => FirstFault(image, "source", ChunkLayout.SmallestSourceChunk);
}

/// <summary>
/// What the signer made the disk of, if it was not a disk before: the files' digests, as <c>sha256sum</c> tells them. Its root partition begins at
/// <paramref name="RootOffset"/> and is the disk's last, so that an order may let it grow, and put swap behind it. <paramref name="Kernel"/> and
/// <paramref name="Ramdisk"/> are where those lie on it, each in one piece.
/// </summary>
public sealed record PartitionImage(
    int RootPartition, long RootOffset, long RootBytes, string FileSystem, Digest RootSha256, Digest KernelSha256, Digest RamdiskSha256, string KernelArguments,
    DiskExtent? Kernel = null, DiskExtent? Ramdisk = null)
{
    internal Rejection? FirstFault(ImagePredicate image)
    {
        if (RootPartition is < 1 or > 128 || RootOffset <= 0 || RootBytes <= 0 || RootOffset >= image.Disk.Size || RootBytes > image.Disk.Size - RootOffset)
            return new Rejection($"The manifest of image {image.Name} contradicts itself: its root would be partition {RootPartition} with {RootBytes} bytes at byte {RootOffset} of {image.Disk.Size}.");
        return Kernel?.LiesBefore(RootOffset) == false || Ramdisk?.LiesBefore(RootOffset) == false
            ? new Rejection($"The manifest of image {image.Name} contradicts itself: its kernel and ramdisk would not lie before its root partition at byte {RootOffset}.")
            : null;
    }
}

/// <summary>A part of a disk, in bytes.</summary>
public sealed record DiskExtent(long Offset, long Bytes)
{
    internal bool LiesBefore(long end) => Offset > 0 && Bytes > 0 && Offset < end && Bytes <= end - Offset;
}

public sealed record IndexReference(Digest Sha256, long Size);

/// <summary>Where the image came from, as whoever signed it checked.</summary>
public sealed record Provenance(
    string Kind,
    string? SignerFingerprint = null,
    Digest? SignedFileSha256 = null,
    Digest? SignatureSha256 = null,
    string? ImportedBy = null,
    DateTimeOffset? ImportedAt = null);

/// <summary>Names and versions of images: they become file names, URLs and command-line arguments.</summary>
public static class ImageName
{
    public static bool IsValid([NotNullWhen(true)] string? name) =>
        name is { Length: > 0 and <= 100 } && name[0] is not ('.' or '-') && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '+' or '-');
}
