using System.Buffers.Binary;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>A record of an MBR.</summary>
/// <param name="Number">1 to 4.</param>
/// <param name="Type">What it is for.</param>
/// <param name="FirstLba">In sectors.</param>
/// <param name="Sectors">How many.</param>
internal readonly record struct MbrPartition(int Number, byte Type, long FirstLba, long Sectors);

/// <summary>
/// LBA 0 (UEFI 2.10 section 5.2): 440 bytes of boot code, four partition records of 16 bytes at 446, and 0x55 0xaa at 510.
/// <code>
///  record: 0 boot flag  1..3 first CHS  4 type  5..7 last CHS  8 first LBA (4)  12 sectors (4)
/// </code>
/// </summary>
internal static class Mbr
{
    private const int BootCodeLength = 440;
    private const int Records = 446;
    private const int RecordLength = 16;
    private const byte ProtectiveType = 0xee;

    public static bool HasSignature(ReadOnlySpan<byte> sector) => sector[510] == 0x55 && sector[511] == 0xaa;

    public static bool HasBootCode(ReadOnlySpan<byte> sector) => HasSignature(sector) && sector[..BootCodeLength].ContainsAnyExcept((byte)0);

    /// <summary>Whether the MBR guards a GPT. Firmware does not look at a GPT without it.</summary>
    public static bool IsProtective(ReadOnlySpan<byte> sector) => HasSignature(sector) && FindProtective(sector) >= 0;

    /// <summary>Makes the protective partition span the disk, as far as 32 bits reach.</summary>
    public static void Span(Span<byte> sector, long diskSectors)
    {
        var record = sector.Slice(FindProtective(sector), RecordLength);
        // A hybrid MBR guards only what lies before its other partitions: its size is no mistake.
        if (BinaryPrimitives.ReadUInt32LittleEndian(record[8..]) != 1 || Partitions(sector).Count > 1)
            return;
        WriteChs(record[5..8], diskSectors - 1);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], (uint)Math.Min(uint.MaxValue, diskSectors - 1));
    }

    // In the geometry that everybody pretends; table 5.4 of the UEFI specification has all ones for what it cannot express.
    private static void WriteChs(Span<byte> chs, long lba)
    {
        const int heads = 255;
        const int sectors = 63;
        var cylinder = lba / (heads * sectors);
        if (cylinder > 1023)
        {
            chs.Fill(0xff);
            return;
        }
        chs[0] = (byte)(lba / sectors % heads);
        chs[1] = (byte)(((lba % sectors) + 1) | ((cylinder >> 8) << 6));
        chs[2] = (byte)cylinder;
    }

    /// <summary>The records that are in use.</summary>
    public static IReadOnlyList<MbrPartition> Partitions(ReadOnlySpan<byte> sector)
    {
        var partitions = new List<MbrPartition>();
        for (var number = 1; number <= 4; number++)
        {
            var record = sector.Slice(Records + ((number - 1) * RecordLength), RecordLength);
            if (record[4] != 0)
                partitions.Add(new MbrPartition(number, record[4], BinaryPrimitives.ReadUInt32LittleEndian(record[8..]), BinaryPrimitives.ReadUInt32LittleEndian(record[12..])));
        }
        return partitions;
    }

    /// <summary>Whether the sector is a table of its own: with partitions on the disk, each bootable or not and nothing else, and none that guards a GPT.</summary>
    public static bool IsTable(ReadOnlySpan<byte> sector, long diskSectors)
    {
        if (!HasSignature(sector) || Partitions(sector) is not { Count: > 0 } partitions)
            return false;
        foreach (var one in partitions)
        {
            if (one.Type == ProtectiveType || one.FirstLba == 0 || one.Sectors == 0 || one.FirstLba + one.Sectors > diskSectors || sector[Records + ((one.Number - 1) * RecordLength)] is not (0 or 0x80))
                return false;
        }
        return true;
    }

    /// <summary>Fills a free record.</summary>
    public static void Add(Span<byte> sector, int number, byte type, long firstLba, long sectors)
    {
        var record = sector.Slice(Records + ((number - 1) * RecordLength), RecordLength);
        record[0] = 0;
        record[4] = type;
        WriteChs(record[1..4], firstLba);
        WriteChs(record[5..8], firstLba + sectors - 1);
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], (uint)firstLba);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], (uint)sectors);
    }

    private static int FindProtective(ReadOnlySpan<byte> sector)
    {
        for (var at = Records; at < Records + (4 * RecordLength); at += RecordLength)
        {
            if (sector[at + 4] == ProtectiveType)
                return at;
        }
        return -1;
    }
}
