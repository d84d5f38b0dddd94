using Baremetal.Trust;

namespace Baremetal.Cli.Display;

/// <summary>
/// Aligned columns under headings, nothing drawn around them. Every cell holds something (<c>-</c> for nothing), so that <c>awk</c> finds its
/// column; on a terminal the last column is cut where the line would wrap.
/// </summary>
internal sealed class Table(params string[] headings)
{
    private const int Gap = 3;

    private readonly List<Run[]> _rows = [];

    public void Add(params Run[] cells) => _rows.Add([.. cells.Select(cell => cell.Text.Length == 0 ? "-" : cell with { Text = Printable.Of(cell.Text) })]);

    public void Write(Screen screen)
    {
        var widths = headings.Select((heading, column) => _rows.Select(row => row[column].Text.Length).Append(heading.Length).Max()).ToArray();
        WriteRow(screen, [.. headings.Select(heading => new Run(heading, Tone.Faint))], widths);
        foreach (var row in _rows)
            WriteRow(screen, row, widths);
    }

    private static void WriteRow(Screen screen, Run[] cells, int[] widths)
    {
        var line = new List<Run>(2 * cells.Length);
        var used = 0;
        foreach (var (column, cell) in cells[..^1].Index())
        {
            line.Add(cell);
            line.Add(new string(' ', widths[column] - cell.Text.Length + Gap));
            used += widths[column] + Gap;
        }
        line.Add(cells[^1] with { Text = Prose.Cut(cells[^1].Text, screen.Width - used) });
        screen.Line([.. line]);
    }
}
