using System.Globalization;

namespace Baremetal.Cli;

/// <summary>Sizes as people write them: <c>400GB</c> of a thousand, <c>512GiB</c> of 1024.</summary>
internal static class ByteSize
{
    public const string Remedy = "Write it as 400GB, 1.8 TB as 1800GB, or in units of 1024 as 512GiB.";

    // Of a thousand as disks are sold, and of 1024.
    private static readonly string[] Units = ["", "K", "M", "G", "T"];

    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        var unit = text[digits..] is var rest && rest.EndsWith('B') ? rest[..^1] : text[digits..];
        var (letter, factor) = unit.EndsWith('i') ? (unit[..^1], 1024L) : (unit, 1000L);
        var power = Array.IndexOf(Units, letter);
        if (!long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || power < 0 || (power == 0 && factor != 1000))
            return false;
        var size = new Int128(0, (ulong)number) * (Int128)Math.Pow(factor, power);
        if (size > long.MaxValue)
            return false;
        bytes = (long)size;
        return true;
    }
}
