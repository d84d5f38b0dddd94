using System.Buffers.Binary;

namespace Baremetal.Imaging.Inspection;

/// <summary>A file system that begins at a disk's first byte, as its superblock tells.</summary>
/// <param name="Name"><c>ext2</c>, <c>ext3</c>, <c>ext4</c>, <c>xfs</c> or <c>btrfs</c>.</param>
/// <param name="Bytes">Its size, as it claims it.</param>
public sealed record FileSystem(string Name, long Bytes)
{
    private const int ExtSuperblock = 1024;
    private const int BtrfsSuperblock = 64 << 10;
    private const int SuperblockLength = 1024;

    // Block sizes are powers of two; a larger shift would be no file system of anybody's.
    private const int LargestShift = 20;

    /// <returns>Null if there is none that is known.</returns>
    internal static FileSystem? Find(DiskView disk)
    {
        Span<byte> block = stackalloc byte[SuperblockLength];
        return (disk.TryRead(0, block) ? Xfs(block) : null)
            ?? (disk.TryRead(ExtSuperblock, block) ? Ext(block) : null)
            ?? (disk.TryRead(BtrfsSuperblock, block) ? Btrfs(block) : null);
    }

    // Linux, Documentation/filesystems/ext4/super.rst: 4 blocks  24 log2(block size / 1024)  56 0xef53  92 compatible, 96 incompatible features  336 blocks, high half.
    private static FileSystem? Ext(ReadOnlySpan<byte> superblock)
    {
        const uint hasJournal = 0x4;
        const uint ofExt4 = 0x3c0;
        const uint is64Bit = 0x80;
        if (BinaryPrimitives.ReadUInt16LittleEndian(superblock[56..]) != 0xef53)
            return null;
        var (compatible, incompatible) = (BinaryPrimitives.ReadUInt32LittleEndian(superblock[92..]), BinaryPrimitives.ReadUInt32LittleEndian(superblock[96..]));
        ulong blocks = BinaryPrimitives.ReadUInt32LittleEndian(superblock[4..]);
        if ((incompatible & is64Bit) != 0)
            blocks |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(superblock[336..]) << 32;
        var shift = BinaryPrimitives.ReadUInt32LittleEndian(superblock[24..]);
        return shift > LargestShift ? null
            : Of((incompatible & ofExt4) != 0 ? "ext4" : (compatible & hasJournal) != 0 ? "ext3" : "ext2", blocks, 1024UL << (int)shift);
    }

    // Linux, fs/xfs/libxfs/xfs_format.h, big-endian: 0 "XFSB"  4 block size  8 blocks.
    private static FileSystem? Xfs(ReadOnlySpan<byte> superblock) => superblock.StartsWith("XFSB"u8)
        ? Of("xfs", BinaryPrimitives.ReadUInt64BigEndian(superblock[8..]), BinaryPrimitives.ReadUInt32BigEndian(superblock[4..]))
        : null;

    // Linux, include/uapi/linux/btrfs_tree.h: 64 "_BHRfS_M"  112 bytes of all its devices.
    private static FileSystem? Btrfs(ReadOnlySpan<byte> superblock) => superblock[64..].StartsWith("_BHRfS_M"u8)
        ? Of("btrfs", BinaryPrimitives.ReadUInt64LittleEndian(superblock[112..]), 1)
        : null;

    // What a superblock claims may be anything.
    private static FileSystem Of(string name, ulong blocks, ulong blockBytes) => new(name, (long)UInt128.Min((UInt128)blocks * blockBytes, long.MaxValue));
}
