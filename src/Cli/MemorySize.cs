namespace Baremetal.Cli;

/// <summary>Memory as people write it: <c>512M</c>, <c>2G</c>, <c>2GiB</c>, all of 1024, as memory is sold.</summary>
internal static class MemorySize
{
    /// <returns>MiB.</returns>
    public static int Parse(string text, string option)
    {
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        var factor = text[digits..].ToUpperInvariant() switch
        {
            "M" or "MB" or "MIB" => 1,
            "G" or "GB" or "GIB" => 1 << 10,
            "T" or "TB" or "TIB" => 1 << 20,
            _ => 0,
        };
        return factor > 0 && int.TryParse(text.AsSpan(0, digits), out var number) && number <= int.MaxValue / factor
            ? number * factor
            : throw Failure.WrongUsage($"{option} is '{text}'.", "Give a size with its unit, such as 512M or 2G.");
    }
}
