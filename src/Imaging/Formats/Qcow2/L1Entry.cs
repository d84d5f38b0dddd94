namespace Baremetal.Imaging.Formats.Qcow2;

/// <summary>
/// Where an L2 table lies; at 0 there is none and all that it would cover is zero (qcow2.rst, "Cluster mapping").
/// <code>
///  63     62..56    55 ..... 9     8..0
///  copied reserved  table offset   reserved
/// </code>
/// </summary>
internal readonly record struct L1Entry(long Table)
{
    internal const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    private const ulong Reserved = 0x7f00_0000_0000_01ff;

    public static bool TryParse(ulong raw, Qcow2Header header, long fileSize, out L1Entry entry, out string fault)
    {
        entry = new L1Entry((long)(raw & OffsetMask));
        fault = "";
        if ((raw & Reserved) != 0)
            fault = $"has reserved bits set (0x{raw:x16})";
        else if (entry.Table % header.ClusterSize != 0)
            fault = $"names a table at byte {entry.Table}, which is no cluster's start";
        else if (entry.Table > fileSize - header.ClusterSize)
            fault = $"names a table at byte {entry.Table}, beyond the file's end ({fileSize} bytes)";
        return fault.Length == 0;
    }
}
