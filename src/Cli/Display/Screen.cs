using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Cli.Display;

/// <summary>
/// Lines for people. Colours and the live line exist on a terminal only, so that what is piped or logged is plain text. Whatever a machine
/// or a server has put into a text cannot steer the terminal: control characters are replaced here, once, for every line.
/// </summary>
/// <param name="writer">Where the lines go.</param>
/// <param name="isTerminal">Whether a person watches: a live line is drawn, and tables are cut to the width.</param>
/// <param name="width">Columns of the terminal.</param>
/// <param name="colours">Whether tones become colours.</param>
/// <param name="isUtf8">Whether the terminal shows blocks.</param>
public sealed class Screen(TextWriter writer, bool isTerminal = false, int width = 80, bool colours = false, bool isUtf8 = false)
{
    private bool _live;

    public TextWriter Writer => writer;

    public bool IsTerminal => isTerminal;

    public bool IsUtf8 => isUtf8;

    /// <summary>Columns that a line may take; a pipe takes any number.</summary>
    public int Width => isTerminal ? width : int.MaxValue;

    /// <summary>Colours follow https://no-color.org and the terminal's own word.</summary>
    public static Screen Of(TextWriter writer, bool isTerminal, Func<string, string?> variable)
    {
        var dumb = variable("TERM") is null or "" or "dumb";
        var terminal = isTerminal && !dumb;
        return new Screen(writer, terminal, terminal ? Math.Max(40, Console.WindowWidth) : 80, terminal && string.IsNullOrEmpty(variable("NO_COLOR")), ChunkStrip.IsUtf8(variable));
    }

    public void Line(params ReadOnlySpan<Run> runs)
    {
        EraseLive();
        foreach (var run in runs)
            Write(run);
        writer.WriteLine();
        writer.Flush();
    }

    /// <summary>Shows a line that the next one replaces, cut to the width; nothing where nobody watches.</summary>
    public void Live(params ReadOnlySpan<Run> runs)
    {
        if (!isTerminal)
            return;
        EraseLive();
        // Auto-wrap is off meanwhile: a line that wrapped, by a character of double width, could not be erased by a carriage return.
        writer.Write("\e[?7l");
        var room = width - 1;
        foreach (var run in runs)
        {
            Write(run with { Text = Prose.Cut(run.Text, room) });
            room = Math.Max(0, room - run.Text.Length);
        }
        writer.Write("\e[?7h");
        writer.Flush();
        _live = true;
    }

    public void EraseLive()
    {
        if (_live)
            writer.Write("\r\e[K");
        _live = false;
    }

    private void Write(Run run)
    {
        var colour = colours ? ColourOf(run.Tone) : null;
        writer.Write(colour);
        writer.Write(Printable.Of(run.Text));
        if (colour is not null)
            writer.Write("\e[0m");
    }

    private static string? ColourOf(Tone tone) => tone switch
    {
        Tone.Good => "\e[32m",
        Tone.Bad => "\e[31m",
        Tone.Busy => "\e[33m",
        Tone.Faint => "\e[2m",
        Tone.Strong => "\e[1m",
        _ => null,
    };
}

/// <summary>A piece of a line, all in one tone.</summary>
public readonly record struct Run(string Text, Tone Tone = Tone.Plain)
{
    public static implicit operator Run(string? text) => new(text ?? "");
}

/// <summary>What a text means; which colour that is the <see cref="Screen"/> knows.</summary>
public enum Tone
{
    Plain,
    Strong,
    Faint,
    Good,
    Busy,
    Bad,
}
