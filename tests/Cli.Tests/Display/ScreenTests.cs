using Baremetal.Cli.Display;

namespace Baremetal.Cli.Tests.Display;

public sealed class ScreenTests : IDisposable
{
    private readonly StringWriter _written = new();

    public void Dispose() => _written.Dispose();

    [Fact]
    public void Line_TextThatWouldSteerTheTerminal_IsMadeHarmless()
    {
        new Screen(_written, isTerminal: true, colours: true).Line("disk \e[2J\a\u009b31m\u202Ereversed\r\nnext");

        Assert.Equal("disk ?[2J??31m?reversed? next\n", _written.ToString());
    }

    [Fact]
    public void Line_TonesWithColours_AreAnsiAndWithoutArePlain()
    {
        new Screen(_written, isTerminal: true, colours: true).Line("a ", new Run("bad", Tone.Bad), " day");
        new Screen(_written).Line("a ", new Run("bad", Tone.Bad), " day");

        Assert.Equal("a \e[31mbad\e[0m day\na bad day\n", _written.ToString());
    }

    [Fact]
    public void Live_OnATerminal_IsReplacedByTheNextLine()
    {
        var screen = new Screen(_written, isTerminal: true);
        screen.Live("10 %");
        screen.Live("20 %");
        screen.Line("done");

        Assert.Equal("\e[?7l10 %\e[?7h\r\e[K\e[?7l20 %\e[?7h\r\e[Kdone\n", _written.ToString());
    }

    [Fact]
    public void Live_LongerThanTheLine_IsCut()
    {
        new Screen(_written, isTerminal: true, width: 20).Live("0:42  ", "waiting for ", "somebody");

        Assert.Equal("\e[?7l0:42  waiting for …\e[?7h", _written.ToString());
    }

    [Fact]
    public void Live_WhereNobodyWatches_IsNotWritten()
    {
        new Screen(_written).Live("10 %");

        Assert.Equal("", _written.ToString());
    }

    [Theory]
    [InlineData("xterm", null, true)]
    [InlineData("xterm", "1", false)]
    [InlineData("dumb", null, false)]
    [InlineData(null, null, false)]
    public void Of_TerminalAndVariables_DecideOnColours(string? term, string? noColor, bool colours)
    {
        Screen.Of(_written, isTerminal: true, name => name == "TERM" ? term : noColor).Line(new Run("x", Tone.Bad));

        Assert.Equal(colours ? "\e[31mx\e[0m\n" : "x\n", _written.ToString());
    }

    [Fact]
    public void Table_OnATerminal_IsAlignedAndCutsItsLastColumn()
    {
        var table = new Table("NAME", "STATE", "WHY");
        table.Add("r7", "active", null);
        table.Add("rack2-node17", new Run("failed", Tone.Bad), "Chunk 17 of the source differs from the signed index.");
        table.Write(new Screen(_written, isTerminal: true, width: 50));

        Assert.Equal(
            """
            NAME           STATE    WHY
            r7             active   -
            rack2-node17   failed   Chunk 17 of the source di…

            """, _written.ToString());
    }

    [Fact]
    public void Table_InAPipe_IsWhole()
    {
        var table = new Table("NAME", "WHY");
        table.Add("r7", new string('x', 300));
        table.Write(new Screen(_written));

        Assert.Contains(new string('x', 300), _written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Sheet_LongValueOnATerminal_IsFoldedUnderItself()
    {
        var sheet = new Sheet();
        sheet.Add("Name", "r7");
        sheet.Add("Nothing", null);
        sheet.Add("Cause", "Chunk 17 of the source differs from the signed index.");
        sheet.Write(new Screen(_written, isTerminal: true, width: 40));

        Assert.Equal(
            """
            Name:   r7
            Cause:  Chunk 17 of the source differs
                    from the signed index.

            """, _written.ToString());
    }
}
