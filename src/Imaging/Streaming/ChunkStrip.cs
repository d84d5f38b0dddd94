namespace Baremetal.Imaging.Streaming;

/// <summary>
/// A chunk map as people see it, in as many columns as there is room for. A console without UTF-8, such as that of the ramdisk, gets ASCII.
/// </summary>
public static class ChunkStrip
{
    private const string Ascii = ".0=#@";
    private const string Blocks = "·░▒█▓";

    // In part: what it will be is seen when it is.
    private const char AsciiPart = '+';
    private const char BlockPart = '▄';

    // The first that is set decides (locale(7)).
    private static readonly string[] _locales = ["LC_ALL", "LC_CTYPE", "LANG"];

    private static ReadOnlySpan<char> Letters => [ChunkMap.Untouched, ChunkMap.Zeroed, ChunkMap.Held, ChunkMap.Written, ChunkMap.ReadBack];

    /// <summary>The columns that a map is drawn in.</summary>
    public static int WidthOf(string map, int room) => Math.Clamp(map.Length, 1, Math.Max(1, room));

    /// <param name="map">One letter a cell; letters that are not known, from a newer agent, are drawn as a part.</param>
    /// <param name="room">Columns at most; with fewer than cells, a column stands for several.</param>
    /// <param name="isUtf8">Whether the terminal shows blocks.</param>
    public static string Draw(string map, int room, bool isUtf8)
    {
        var columns = new char[WidthOf(map, room)];
        for (var column = 0; column < columns.Length; column++)
        {
            var first = (int)((long)column * map.Length / columns.Length);
            var end = (int)((((long)column + 1) * map.Length + columns.Length - 1) / columns.Length);
            columns[column] = Draw(map.AsSpan(first, end - first), isUtf8);
        }
        return new string(columns);
    }

    /// <summary>What each sign means, for the first time that a strip is shown.</summary>
    public static string Legend(bool isUtf8)
    {
        var (signs, part) = isUtf8 ? (Blocks, BlockPart) : (Ascii, AsciiPart);
        return $"Disk: {signs[0]} untouched  {part} in part  {signs[1]} zeroed  {signs[2]} there already  {signs[3]} written  {signs[4]} read back";
    }

    /// <summary>Whether a terminal shows more than ASCII, from what it says of itself; the kernel's own console has blocks in some fonts only.</summary>
    /// <param name="variable">The environment.</param>
    public static bool IsUtf8(Func<string, string?> variable)
    {
        var locale = _locales.Select(variable).FirstOrDefault(value => !string.IsNullOrEmpty(value));
        return variable("TERM") is not (null or "" or "dumb" or "linux") && locale is not null
            && (locale.Contains("UTF-8", StringComparison.OrdinalIgnoreCase) || locale.Contains("utf8", StringComparison.OrdinalIgnoreCase));
    }

    private static char Draw(ReadOnlySpan<char> cells, bool isUtf8)
    {
        var known = cells.ContainsAnyExcept(cells[0]) ? -1 : Letters.IndexOf(cells[0]);
        return known < 0 ? isUtf8 ? BlockPart : AsciiPart : (isUtf8 ? Blocks : Ascii)[known];
    }
}
