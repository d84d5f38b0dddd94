using System.Globalization;
using Baremetal.Imaging.PartitionTables;

namespace Baremetal.Imaging.Inspection;

/// <summary>A partition in an image, of either kind of table.</summary>
/// <param name="Number">Counted from 1, as a kernel numbers it.</param>
/// <param name="Type">A GUID, or an MBR's type such as <c>0x83</c>.</param>
/// <param name="TypeName">What it is called, if it is a usual one.</param>
/// <param name="FirstLba">In sectors.</param>
/// <param name="LastLba">In sectors, inclusive.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Name">Of a GPT's partition; null in an MBR, which has none.</param>
/// <param name="Id">Of a GPT's partition; null in an MBR.</param>
public sealed record DiskPartition(int Number, string Type, string? TypeName, long FirstLba, long LastLba, long Bytes, string? Name, Guid? Id)
{
    internal static DiskPartition Of(NumberedPartition partition, int sectorSize)
    {
        var (type, entry) = (partition.Entry.Type.ToString(), partition.Entry);
        // Unchecked: nothing forbids a table to claim 2^63 sectors, and nothing is read by this number.
        return new DiskPartition(partition.Number, type, PartitionTypes.NameOf(type), entry.FirstLba, entry.LastLba, unchecked((entry.LastLba - entry.FirstLba + 1) * sectorSize), entry.Name, entry.Id);
    }

    internal static DiskPartition Of(MbrPartition partition, int sectorSize)
    {
        var type = string.Create(CultureInfo.InvariantCulture, $"0x{partition.Type:x2}");
        return new DiskPartition(partition.Number, type, PartitionTypes.NameOf(type), partition.FirstLba, partition.FirstLba + partition.Sectors - 1, partition.Sectors * sectorSize, null, null);
    }
}
