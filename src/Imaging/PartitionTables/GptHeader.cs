using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>
/// A GPT header (UEFI 2.10, table 5.5), in its sector; little-endian.
/// <code>
///   0 "EFI PART"          8 revision            12 header size         16 header CRC
///  24 my LBA             32 other header's LBA  40 first usable LBA    48 last usable LBA
///  56 disk GUID          72 entries' LBA        80 entry count         84 entry size         88 entries' CRC
/// </code>
/// </summary>
internal sealed class GptHeader
{
    public const int PrimaryLba = 1;

    private const int Length = 92;
    private const int MaxEntriesBytes = 256 << 10;

    private readonly byte[] _sector;

    private GptHeader(byte[] sector) => _sector = sector;

    public static ReadOnlySpan<byte> Signature => "EFI PART"u8;

    public ReadOnlySpan<byte> Sector => _sector;

    public long MyLba
    {
        get => Read(24);
        set => Write(24, value);
    }

    public long OtherLba
    {
        get => Read(32);
        set => Write(32, value);
    }

    public long FirstUsableLba => Read(40);

    public long LastUsableLba
    {
        get => Read(48);
        set => Write(48, value);
    }

    public Span<byte> DiskGuid => _sector.AsSpan(56, 16);

    public long EntriesLba
    {
        get => Read(72);
        set => Write(72, value);
    }

    public int EntryCount => BinaryPrimitives.ReadInt32LittleEndian(_sector.AsSpan(80));

    public int EntrySize => BinaryPrimitives.ReadInt32LittleEndian(_sector.AsSpan(84));

    public int EntriesBytes => EntryCount * EntrySize;

    /// <param name="sector">The header's sector, whole.</param>
    /// <param name="header">A header whose own CRC holds; its entries are not yet checked.</param>
    /// <param name="rejection">Why not.</param>
    public static bool TryParse(ReadOnlySpan<byte> sector, [NotNullWhen(true)] out GptHeader? header, [NotNullWhen(false)] out Rejection? rejection)
    {
        header = null;
        rejection = null;
        var size = sector.Length < Length ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(sector[12..]);
        if (size < Length || size > (uint)sector.Length || !sector.StartsWith(Signature))
        {
            rejection = Damaged("its header has no signature, or a wrong size");
            return false;
        }
        var read = new GptHeader(sector.ToArray());
        var (count, entry) = (BinaryPrimitives.ReadUInt32LittleEndian(sector[80..]), BinaryPrimitives.ReadUInt32LittleEndian(sector[84..]));
        if (read.ComputeCrc() != BinaryPrimitives.ReadUInt32LittleEndian(sector[16..]))
            rejection = Damaged("its header's CRC is wrong");
        else if (read.MyLba != PrimaryLba || read.EntriesLba < 2 || read.FirstUsableLba < 0 || read.LastUsableLba < read.FirstUsableLba)
            rejection = Damaged("its header contradicts itself");
        else if (entry < GptEntry.Length || entry % 8 != 0 || count == 0 || (ulong)count * entry > MaxEntriesBytes)
            rejection = Damaged($"it claims {count} entries of {entry} bytes");
        if (rejection is not null)
            return false;
        header = read;
        return true;
    }

    public bool Accepts(ReadOnlySpan<byte> entries) => Crc32.Of(entries) == BinaryPrimitives.ReadUInt32LittleEndian(_sector.AsSpan(88));

    public GptHeader Clone() => new((byte[])_sector.Clone());

    /// <summary>Makes both CRCs right again after a change.</summary>
    public GptHeader Seal(ReadOnlySpan<byte> entries)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_sector.AsSpan(88), Crc32.Of(entries));
        BinaryPrimitives.WriteUInt32LittleEndian(_sector.AsSpan(16), ComputeCrc());
        return this;
    }

    internal static Rejection Damaged(string how) =>
        new($"The image's partition table is damaged: {how}.", "Repair it with 'sgdisk --verify', and sign the image anew.");

    private uint ComputeCrc()
    {
        var copy = _sector.AsSpan(0, BinaryPrimitives.ReadInt32LittleEndian(_sector.AsSpan(12))).ToArray();
        copy.AsSpan(16, 4).Clear();
        return Crc32.Of(copy);
    }

    private long Read(int at) => BinaryPrimitives.ReadInt64LittleEndian(_sector.AsSpan(at));

    private void Write(int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(_sector.AsSpan(at), value);
}
