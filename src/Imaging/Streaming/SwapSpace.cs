using System.Buffers.Binary;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// The head of a swap partition, as <c>mkswap</c> writes it (Linux, include/linux/swap.h): in its first page
/// <c>1024 version (1)  1028 last page  1032 bad pages (none)  1036 UUID  1052 label (16)  4086 "SWAPSPACE2"</c>, little-endian. The zeros
/// around it leave nothing there of what once began at the same place, which would make the kernel's tools doubt that it is swap.
/// </summary>
internal static class SwapSpace
{
    public const int HeadLength = 1 << 20;

    public const string PartitionName = "swap";

    // Of all processors that boot from a GPT with our loaders.
    private const int PageSize = 4096;

    public static byte[] Head(long bytes, Guid id)
    {
        var head = new byte[HeadLength];
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(1024), 1);
        // 32 bits of pages are 16 TiB, more than a disk of 2 TiB has.
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(1028), (uint)((bytes / PageSize) - 1));
        _ = id.TryWriteBytes(head.AsSpan(1036), bigEndian: true, out _);
        "swap"u8.CopyTo(head.AsSpan(1052));
        "SWAPSPACE2"u8.CopyTo(head.AsSpan(PageSize - 10));
        return head;
    }
}
