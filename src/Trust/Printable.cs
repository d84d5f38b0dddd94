using System.Globalization;
using System.Text;

namespace Baremetal.Trust;

/// <summary>
/// Words from outside, as they may be shown: whatever a server, a machine or a document has put into a text cannot steer the terminal that it
/// is shown on.
/// </summary>
public static class Printable
{
    /// <summary>The text without characters that move the cursor, change colours or reorder what is shown (U+202A to U+202E and their like).</summary>
    public static string Of(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0)
            return text;
        var printable = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                printable.Append(rune.Value is '\n' or '\t' ? ' ' : '?');
            else
                printable.Append(rune);
        }
        return printable.ToString();
    }
}
