namespace Baremetal.Imaging.Formats.Qcow2;

/// <summary>
/// Where a cluster lies (qcow2.rst, "L2 table entry").
/// <code>
///  63     62          61 ......................... 0
///  copied compressed  descriptor
///
///  standard:   61..56 reserved, 55..9 offset of the cluster, 8..1 reserved, 0 reads as zeros (version 3, no subclusters)
///  compressed: with x = 62 − (cluster bits − 8): 61..x further 512-byte sectors, x−1..0 byte offset, not aligned
/// </code>
/// With subclusters a second number follows: bit n says that subcluster n is allocated, bit 32 + n that it reads as zeros.
/// </summary>
internal readonly record struct L2Entry(L2Kind Kind, long Source, int SourceLength, uint Allocated)
{
    private const ulong Compressed = 1UL << 62;
    private const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    private const ulong Reserved = 0x3f00_0000_0000_01fe;
    private const ulong ZeroFlag = 1;
    private const uint AllSubclusters = uint.MaxValue;

    /// <summary>Subclusters in a cluster that has them.</summary>
    public const int Subclusters = 32;

    /// <param name="raw">The entry.</param>
    /// <param name="bitmap">Its second half; 0 without subclusters.</param>
    /// <param name="header">The image's.</param>
    /// <param name="needed">Bytes of the cluster that the disk has: fewer than a cluster at its very end.</param>
    /// <param name="fileSize">Bytes of the file.</param>
    /// <param name="entry">What it says.</param>
    /// <param name="fault">What is wrong with it, to follow "the entry of cluster n".</param>
    public static bool TryParse(ulong raw, ulong bitmap, Qcow2Header header, int needed, long fileSize, out L2Entry entry, out string fault)
    {
        fault = "";
        entry = default;
        if ((raw & Compressed) != 0)
        {
            var x = 62 - (header.ClusterBits - 8);
            var offset = (long)(raw & ((1UL << x) - 1));
            var sectors = (int)((raw & (Compressed - 1)) >> x) + 1;
            // The last sector may lie beyond the end: a stream that ends within the file is whole.
            var length = Math.Min(sectors * 512L - (offset & 511), fileSize - offset);
            if (length <= 0)
                fault = $"names compressed bytes at {offset}, beyond the file's end ({fileSize} bytes)";
            else if (bitmap != 0)
                fault = "is compressed and has subclusters";
            entry = new L2Entry(L2Kind.Compressed, offset, (int)length, AllSubclusters);
            return fault.Length == 0;
        }

        var host = (long)(raw & OffsetMask);
        var zero = header.Version >= 3 && !header.HasSubclusters && (raw & ZeroFlag) != 0;
        var allocated = header.HasSubclusters ? (uint)bitmap : AllSubclusters;
        if ((raw & (Reserved | (zero ? 0 : ZeroFlag))) != 0)
            fault = $"has reserved bits set (0x{raw:x16})";
        else if (host % header.ClusterSize != 0)
            fault = $"names byte {host}, which is no cluster's start";
        else if ((allocated & (uint)(bitmap >> 32)) != 0)
            fault = "says of a subcluster that it is both data and zeros";
        else if (host == 0 && header.HasSubclusters && allocated != 0)
            fault = "says of a subcluster that it is data, but names no cluster";
        else if (host != 0 && host > fileSize - needed)
            fault = $"names byte {host}, beyond the file's end ({fileSize} bytes)";
        entry = new L2Entry(host == 0 || zero || allocated == 0 ? L2Kind.Zero : L2Kind.Data, host, needed, allocated);
        return fault.Length == 0;
    }
}

internal enum L2Kind : byte
{
    /// <summary>Unallocated or marked as zeros: without a backing file both read as zeros.</summary>
    Zero,
    Data,
    Compressed,
}
