using System.Buffers.Binary;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>What an ATA disk says of itself, by its words (ACS-4, 7.12.7).</summary>
internal readonly struct AtaIdentity(byte[] words)
{
    public const int Length = 512;

    // For a disk that gives no estimate.
    private static readonly TimeSpan UsualErase = TimeSpan.FromHours(12);

    public bool Sanitizes => Has(59, 12);

    public bool SanitizesByCrypto => Has(59, 13);

    public bool SanitizesByOverwrite => Has(59, 14);

    public bool SanitizesByBlockErase => Has(59, 15);

    public bool HasSecurity => Has(128, 0);

    /// <summary>A password is set.</summary>
    public bool SecurityIsOn => Has(128, 1);

    public bool IsLocked => Has(128, 2);

    /// <summary>Security commands are refused until the disk loses power.</summary>
    public bool IsFrozen => Has(128, 3);

    /// <summary>Too many wrong passwords were tried since the disk got power.</summary>
    public bool HasNoTriesLeft => Has(128, 4);

    public bool ErasesEnhanced => Has(128, 5);

    /// <summary>Twice what the disk itself says that its erasure takes.</summary>
    public TimeSpan LongestErase(bool isEnhanced)
    {
        // Words 89 and 90: in units of two minutes; of 15 bits if bit 15 is set, else of 8.
        var word = Word(isEnhanced ? 90 : 89);
        var units = (word & 0x8000) != 0 ? word & 0x7fff : word & 0xff;
        return units == 0 ? UsualErase : TimeSpan.FromMinutes(4L * units);
    }

    private bool Has(int word, int bit) => (Word(word) & 1 << bit) != 0;

    private int Word(int number) => BinaryPrimitives.ReadUInt16LittleEndian(words.AsSpan(2 * number));
}
