using System.Buffers.Binary;
using System.Text;
using Baremetal.Imaging.PartitionTables;

namespace Baremetal.DeployAgent.Efi;

/// <summary>
/// EFI_LOAD_OPTION (UEFI 2.10, section 3.1.3) that starts a file on a GPT partition; little-endian.
/// <code>
///  attributes (4)  length of the path list (2)  description (UTF-16, NUL)  path list
///
///  path list: hard drive (10.3.5.1): 4 1 len=42  partition (4)  start LBA (8)  sectors (8)  GUID (16)  2=GPT  2=GUID
///             file path  (10.3.5.4): 4 4 len     name (UTF-16, NUL)
///             end        (10.3.1):   7f ff len=4
/// </code>
/// The path begins at the partition (the short form of section 3.1.2): firmware looks for it on every disk, so it holds wherever the disk is plugged in.
/// </summary>
internal static class LoadOption
{
    private const uint Active = 1;
    private const int HardDriveLength = 42;

    public static byte[] Encode(string description, NumberedPartition partition, string file)
    {
        var name = Encoding.Unicode.GetBytes(description + '\0');
        var path = Encoding.Unicode.GetBytes(file + '\0');
        var pathList = HardDriveLength + 4 + path.Length + 4;
        var option = new byte[6 + name.Length + pathList];
        BinaryPrimitives.WriteUInt32LittleEndian(option, Active);
        BinaryPrimitives.WriteUInt16LittleEndian(option.AsSpan(4), (ushort)pathList);
        name.CopyTo(option, 6);

        var node = option.AsSpan(6 + name.Length);
        WriteHeader(node, type: 4, subType: 1, HardDriveLength);
        BinaryPrimitives.WriteInt32LittleEndian(node[4..], partition.Number);
        BinaryPrimitives.WriteInt64LittleEndian(node[8..], partition.Entry.FirstLba);
        BinaryPrimitives.WriteInt64LittleEndian(node[16..], partition.Entry.LastLba - partition.Entry.FirstLba + 1);
        _ = partition.Entry.Id.TryWriteBytes(node[24..]);
        node[40] = 2;
        node[41] = 2;

        node = node[HardDriveLength..];
        WriteHeader(node, type: 4, subType: 4, 4 + path.Length);
        path.CopyTo(node[4..]);
        WriteHeader(node[(4 + path.Length)..], type: 0x7f, subType: 0xff, 4);
        return option;
    }

    /// <summary>The description of an option that anyone has made; null if it has none that ends.</summary>
    public static string? DescriptionOf(ReadOnlySpan<byte> option)
    {
        if (option.Length < 8)
            return null;
        var text = option[6..];
        for (var at = 0; at + 1 < text.Length; at += 2)
        {
            if (text[at] == 0 && text[at + 1] == 0)
                return Encoding.Unicode.GetString(text[..at]);
        }
        return null;
    }

    private static void WriteHeader(Span<byte> node, byte type, byte subType, int length)
    {
        node[0] = type;
        node[1] = subType;
        BinaryPrimitives.WriteUInt16LittleEndian(node[2..], (ushort)length);
    }
}
