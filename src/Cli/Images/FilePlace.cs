using Baremetal.Trust;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Cli.Images;

/// <summary>Where the bytes of a file lie in the image of a file system that it was copied into.</summary>
internal static class FilePlace
{
    // What file systems count in, at the least.
    private const int SectorBytes = 512;
    private const int BlockBytes = 1 << 20;

    /// <returns>Null if the file does not lie there in one piece.</returns>
    public static DiskExtent? Of(string file, Digest digest, string image)
    {
        using var content = File.OpenHandle(file);
        using var volume = File.OpenHandle(image);
        var size = RandomAccess.GetLength(content);
        if (size < SectorBytes)
            return null;
        Span<byte> head = stackalloc byte[SectorBytes];
        _ = RandomAccess.Read(content, head, 0);
        var block = new byte[BlockBytes];
        for (var at = 0L; RandomAccess.Read(volume, block, at) is > 0 and var read; at += read)
        {
            for (var sector = 0; sector <= read - SectorBytes; sector += SectorBytes)
            {
                if (block.AsSpan(sector, SectorBytes).SequenceEqual(head) && DigestOf(volume, at + sector, size) == digest)
                    return new DiskExtent(at + sector, size);
            }
        }
        return null;
    }

    private static Digest? DigestOf(SafeFileHandle volume, long offset, long length)
    {
        var bytes = new byte[length];
        return RandomAccess.Read(volume, bytes, offset) == length ? Digest.Of(bytes) : null;
    }
}
