using Baremetal.DeployAgent.Write;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests.Write;

/// <summary>What a person at a terminal sees of a write.</summary>
public sealed class WriteBarTests : IDisposable
{
    private static readonly ImagePredicate _image = new("test", "1", ImagePredicate.AnyArch, [], 1, DateTimeOffset.UnixEpoch, null!, null!);

    private readonly StringWriter _output = new();

    public void Dispose() => _output.Dispose();

    [Fact]
    public void Show_WhileItWrites_HasTheDiskInTheBarAndSaysOnceWhatItsSignsMean()
    {
        using var bar = new WriteBar(_output, width: 80, isUtf8: false, TimeProvider.System);
        var progress = HalfWritten();

        bar.Show(progress);
        bar.Show(progress);

        var shown = _output.ToString();
        Assert.Contains("\rwriting      [.##0                ]  50 %      50 B", shown, StringComparison.Ordinal);
        Assert.Equal(2, shown.Split("# written").Length);
    }

    [Fact]
    public void Show_OnAWideTerminalWithUtf8_HasACellForEachPart()
    {
        using var bar = new WriteBar(_output, width: 200, isUtf8: true, TimeProvider.System);
        var progress = new WriteProgress();
        progress.Cover(6400);
        progress.Begin(WritePhase.Writing, 100);
        for (var chunk = 0; chunk < 3200; chunk++)
            progress.Written(chunk, 1);

        bar.Show(progress);

        Assert.Contains($"[{new string('█', 32)}{new string('·', 32)}]", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Show_WhileItChecks_HasHowFarThatIs()
    {
        using var bar = new WriteBar(_output, width: 80, isUtf8: false, TimeProvider.System);
        var progress = new WriteProgress();
        progress.Cover(4);
        progress.Begin(WritePhase.Checking, 100);
        progress.Done(50);

        bar.Show(progress);

        Assert.Contains("checking     [==========>         ]  50 %      50 B", _output.ToString(), StringComparison.Ordinal);
    }

    // A line that is longer than the terminal cannot be drawn over: each time it would leave one behind.
    [Theory]
    [InlineData(40)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(132)]
    public void Show_OnATerminalOfAnyWidth_StaysOnOneLine(int width)
    {
        using var bar = new WriteBar(_output, width, isUtf8: true, TimeProvider.System);

        bar.Show(HalfWritten());

        var line = _output.ToString().Split('\r')[^1];
        Assert.Contains(" 50 %", line, StringComparison.Ordinal);
        Assert.InRange(line.Length, 1, width - 1);
    }

    [Fact]
    public void Show_LegendOnATerminalOf80Columns_IsOneLine()
    {
        using var bar = new WriteBar(_output, width: 80, isUtf8: true, TimeProvider.System);

        bar.Show(HalfWritten());

        Assert.InRange(_output.ToString().Split(Environment.NewLine)[0].Length, 1, 79);
    }

    [Fact]
    public void End_TheOnlySourceFailed_SaysItOnceAndWhatToDoNext()
    {
        using var bar = new WriteBar(_output, width: null, isUtf8: true, TimeProvider.System);

        bar.End(_image, "/dev/vda", new WriteOutcome(WriteStatus.Failed, new Rejection("x answered 404."), WriteFault.Source, new WriteFigures(0, 0, 0, 0, TimeSpan.Zero, 0, ["x answered 404."])));

        Assert.Equal(2, _output.ToString().Split("x answered 404.").Length);
        Assert.Contains("--reuse", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Show_WhereNobodyWatches_WritesNothing()
    {
        using var bar = new WriteBar(_output, width: null, isUtf8: true, TimeProvider.System);

        bar.Show(HalfWritten());

        Assert.Equal("", _output.ToString());
    }

    private static WriteProgress HalfWritten()
    {
        var progress = new WriteProgress();
        progress.Cover(4);
        progress.Begin(WritePhase.Writing, 100);
        progress.Written(1, 25);
        progress.Written(2, 25);
        progress.Zeroed(3, 1, 25);
        progress.Done(50);
        return progress;
    }
}
