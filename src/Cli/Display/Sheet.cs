namespace Baremetal.Cli.Display;

/// <summary>One thing in full: a label a line, the values in one column. What has no value is not shown.</summary>
internal sealed class Sheet
{
    private readonly List<(string Label, Run Value)> _lines = [];

    public void Add(string label, string? value, Tone tone = Tone.Plain)
    {
        if (!string.IsNullOrEmpty(value))
            _lines.Add((label, new Run(value, tone)));
    }

    public void Write(Screen screen)
    {
        var width = _lines.Max(line => line.Label.Length) + 1;
        foreach (var (label, value) in _lines)
        {
            var head = label.Length == 0 ? "" : label + ":";
            foreach (var (number, part) in Prose.Fold(value.Text, screen.Width - width - 2).Index())
                screen.Line((number == 0 ? head : "").PadRight(width + 2), value with { Text = part });
        }
    }
}
