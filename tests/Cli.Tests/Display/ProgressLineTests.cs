using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Tests.Display;

public sealed class ProgressLineTests : IDisposable
{
    private readonly StringWriter _written = new();

    public void Dispose() => _written.Dispose();

    [Theory]
    [InlineData(false, "[##00==+.]")]
    [InlineData(true, "[██░░▒▒▄·]")]
    public void Draw_WithAMap_HasTheDiskInTheBar(bool isUtf8, string bar) =>
        Assert.Contains($"write {bar} writing  50%", Drawn(new Progress(1, 2, 0, 0, ProgressPhase.Writing, "WWZZHHw."), isUtf8), StringComparison.Ordinal);

    [Theory]
    [InlineData(ProgressPhase.Checking, "........")]
    [InlineData(ProgressPhase.Writing, null)]
    [InlineData(ProgressPhase.Writing, "")]
    public void Draw_WithoutAMapThatSaysAnything_HasHowFarItIs(ProgressPhase phase, string? map) =>
        Assert.Contains("####....", Drawn(new Progress(1, 2, 0, 0, phase, map), isUtf8: true), StringComparison.Ordinal);

    [Fact]
    public void Draw_OnANarrowTerminal_KeepsTheFiguresAndDrawsFewerColumns() =>
        Assert.Contains("[####0000] writing  50%", Drawn(new Progress(1, 2, 0, 0, ProgressPhase.Writing, new string('W', 32) + new string('Z', 32)), isUtf8: false, width: 44), StringComparison.Ordinal);

    private string Drawn(Progress progress, bool isUtf8, int width = 120)
    {
        ProgressLine.Draw(new Screen(_written, isTerminal: true, width, isUtf8: isUtf8), "write ", progress);
        return _written.ToString();
    }
}
