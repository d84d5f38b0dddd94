namespace Baremetal.Api;

/// <summary>
/// An image of the catalogue: what its signed manifest says, and whether its bytes are here. <paramref name="Partition"/>: what its signer made the disk
/// of, if it was not a disk before. <paramref name="Release"/> only grows, so that a trust document can refuse older ones.
/// </summary>
public sealed record Image(
    string Name,
    string Version,
    string Arch,
    string[] Firmware,
    string Format,
    string Compression,
    long DiskBytes,
    long SourceBytes,
    string ManifestSha256,
    DateTimeOffset Added,
    ImageParts? Partition = null,
    ulong? Release = null);

/// <summary>A root file system and what boots it, by the SHA-256 of their files.</summary>
public sealed record ImageParts(string FileSystem, string RootSha256, string KernelSha256, string RamdiskSha256, string KernelArguments);

/// <summary>
/// <c>POST /v1/images</c>: the signed manifest, as the envelope's own bytes in base64. The three blobs that it names (source and two
/// indexes) are uploaded first, each by <c>PUT /blobs/sha256/{digest}</c> on 8443; a missing one is refused, naming it.
/// </summary>
public sealed record AddImage(string ManifestEnvelope);
