using System.Collections.Frozen;

namespace Baremetal.Imaging.Inspection;

/// <summary>The names of the partition types that images have (UEFI 2.10 table 5.7, the Discoverable Partitions Specification, and sfdisk's list for MBR).</summary>
internal static class PartitionTypes
{
    private static readonly FrozenDictionary<string, string> _names = new Dictionary<string, string>
    {
        ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b"] = "EFI system",
        ["21686148-6449-6e6f-744e-656564454649"] = "BIOS boot",
        ["bc13c2ff-59e6-4262-a352-b275fd6f7172"] = "Linux extended boot",
        ["0fc63daf-8483-4772-8e79-3d69d8477de4"] = "Linux data",
        ["4f68bce3-e8cd-4db1-96e7-fbcaf984b709"] = "Linux root x86-64",
        ["b921b045-1df0-41c3-af44-4c6f280d3fae"] = "Linux root arm64",
        ["0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"] = "Linux swap",
        ["e6d6d379-f507-44c2-a23c-238f2a3df928"] = "Linux LVM",
        ["a19d880f-05fc-4d3b-a006-743f0f84911e"] = "Linux RAID",
        ["ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"] = "Microsoft basic data",
        ["e3c9e316-0b5c-4db8-817d-f92df00215ae"] = "Microsoft reserved",
        ["de94bba4-06d1-4d40-a16a-bfd50179d6ac"] = "Windows recovery",
        ["0x05"] = "extended",
        ["0x06"] = "FAT16",
        ["0x07"] = "NTFS or exFAT",
        ["0x0b"] = "FAT32",
        ["0x0c"] = "FAT32",
        ["0x0e"] = "FAT16",
        ["0x0f"] = "extended",
        ["0x82"] = "Linux swap",
        ["0x83"] = "Linux",
        ["0x85"] = "extended",
        ["0x8e"] = "Linux LVM",
        ["0xa5"] = "FreeBSD",
        ["0xee"] = "GPT protective",
        ["0xef"] = "EFI system",
        ["0xfd"] = "Linux RAID",
    }.ToFrozenDictionary();

    public static string? NameOf(string type) => _names.GetValueOrDefault(type);
}
