using Baremetal.Trust;

namespace Baremetal.Cli.Display;

/// <summary>Sentences on a screen of limited width.</summary>
internal static class Prose
{
    /// <summary>Lines of at most this width, broken between words; a longer word, such as a path, stays whole.</summary>
    public static IEnumerable<string> Fold(string text, int width)
    {
        var start = 0;
        while (text.Length - start > width)
        {
            var end = text.LastIndexOf(' ', start + Math.Max(0, width), Math.Max(0, width) + 1);
            if (end < 0)
                end = text.IndexOf(' ', start);
            if (end < 0)
                break;
            yield return text[start..end];
            start = end + 1;
        }
        yield return text[start..];
    }

    /// <summary>The text, or as much of it as fits, with an ellipsis.</summary>
    public static string Cut(string text, int width) => text.Length <= width ? text : width < 1 ? "" : string.Concat(text.AsSpan(0, width - 1), "…");

    /// <summary>A sentence under a label, its further lines indented below its beginning.</summary>
    public static void WriteUnder(Screen screen, Run label, string text)
    {
        var indent = label.Text.Length;
        foreach (var (number, line) in Fold(Printable.Of(text), screen.Width - indent).Index())
            screen.Line(number == 0 ? label : new string(' ', indent), line);
    }
}
