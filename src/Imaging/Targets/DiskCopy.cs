using System.Security.Cryptography;
using Baremetal.Imaging.Native;
using Baremetal.Trust;

namespace Baremetal.Imaging.Targets;

/// <summary>A part of a disk as a file.</summary>
public static class DiskCopy
{
    private const int BlockBytes = 1 << 20;

    /// <returns>The file's digest.</returns>
    public static Digest Make(IBlockTarget disk, DiskExtent part, string path)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var block = new AlignedBuffer(BlockBytes);
        using var file = File.Create(path);
        for (var at = 0L; at < part.Bytes; at += BlockBytes)
        {
            // A disk is read in whole sectors.
            disk.Read(part.Offset + at, block.Span);
            var piece = block.Span[..(int)Math.Min(BlockBytes, part.Bytes - at)];
            hash.AppendData(piece);
            file.Write(piece);
        }
        return new Digest(hash.GetHashAndReset());
    }
}
