using System.Security.Cryptography;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>GUIDs of disks and partitions. Derived, not random: the same order makes the same disk, so that a second attempt can be compared with the first.</summary>
public static class DerivedId
{
    public static Guid Of(ReadOnlySpan<byte> seed)
    {
        var id = SHA256.HashData(seed).AsSpan(0, 16);
        // RFC 9562: version 8 (of our own making), variant 1; a GUID's bytes are mixed-endian.
        id[7] = (byte)((id[7] & 0x0f) | 0x80);
        id[8] = (byte)((id[8] & 0x3f) | 0x80);
        return new Guid(id);
    }
}
