using Baremetal.Imaging.PartitionTables;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// The file system with a node's own settings, to be put into a partition of its own on the disk. Its bytes count only if they have the digest
/// that the signed order gives.
/// </summary>
/// <param name="Bytes">A VFAT file system made for the disk's sector size.</param>
/// <param name="Sha256">The digest in the order.</param>
public sealed record ConfigDrive(byte[] Bytes, Digest Sha256)
{
    /// <summary>Bytes of its partition.</summary>
    public const int PartitionSize = 8 << 20;

    internal const int Alignment = GptTail.Alignment;

    internal const string PartitionName = "config-2";

    /// <summary>Why it is not what was ordered, or null.</summary>
    public Rejection? FirstFault()
    {
        if (Bytes.Length is 0 or > PartitionSize)
            return new Rejection($"The config drive has {Bytes.Length} bytes; its partition has room for {PartitionSize}.");
        return Digest.Of(Bytes) != Sha256 ? new Rejection($"The config drive is not the one that was ordered (sha256 {Sha256}).", "Fetch it again from the conductor.") : null;
    }

    internal byte[] PaddedTo(int sectorSize)
    {
        if (Bytes.Length % sectorSize == 0)
            return Bytes;
        var padded = new byte[(Bytes.Length + sectorSize - 1) / sectorSize * sectorSize];
        Bytes.CopyTo(padded, 0);
        return padded;
    }

    internal Guid PartitionId(ReadOnlySpan<byte> diskGuid)
    {
        Span<byte> seed = stackalloc byte[Digest.Size + 16];
        Sha256.CopyTo(seed);
        diskGuid.CopyTo(seed[Digest.Size..]);
        return DerivedId.Of(seed);
    }
}
