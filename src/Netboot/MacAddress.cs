using System.Buffers.Binary;
using System.Globalization;

namespace Baremetal.Netboot;

/// <summary>An Ethernet address (EUI-48): the one name that firmware, boot loader and operating system all use for a machine.</summary>
public readonly record struct MacAddress
{
    public const int Length = 6;

    private readonly ulong value;

    private MacAddress(ulong value) => this.value = value;

    public static MacAddress Broadcast => new(0xffff_ffff_ffff);

    /// <summary>Not zero and not a group address: such a thing is no machine.</summary>
    public bool IsStation => value != 0 && (value & 0x0100_0000_0000) == 0;

    /// <param name="bytes">The six bytes as they stand on the wire; more are ignored.</param>
    public static MacAddress From(ReadOnlySpan<byte> bytes) =>
        new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));

    public void CopyTo(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)value);
    }

    /// <summary>Reads <c>52:54:00:77:00:00</c>, or the same with dashes; upper or lower case; nothing else.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out MacAddress mac)
    {
        mac = default;
        if (text.Length != 17)
            return false;
        ulong number = 0;
        for (var i = 0; i < Length; i++)
        {
            if (i > 0 && (text[3 * i - 1] != text[2] || text[2] is not (':' or '-')))
                return false;
            if (!byte.TryParse(text.Slice(3 * i, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var part))
                return false;
            number = (number << 8) | part;
        }
        mac = new MacAddress(number);
        return true;
    }

    /// <summary>As in <c>BOOTIF=</c>: the ARP hardware type, then the address, all with dashes (pxelinux's convention).</summary>
    public string ToBootIf() => "01-" + ToString().Replace(':', '-');

    public override string ToString() => string.Create(17, value, static (text, number) =>
    {
        for (var i = 0; i < Length; i++)
        {
            _ = ((byte)(number >> (8 * (Length - 1 - i)))).TryFormat(text[(3 * i)..], out _, "x2", CultureInfo.InvariantCulture);
            if (i > 0)
                text[3 * i - 1] = ':';
        }
    });
}
