using Baremetal.DeployAgent.Write;
using Baremetal.Imaging.Streaming;

namespace Baremetal.DeployAgent.Tests.Write;

/// <summary>What a person at a terminal sees of a write.</summary>
public sealed class WriteBarTests : IDisposable
{
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
        Assert.Contains("\rwriting     [.##0                          ]  50 %", shown, StringComparison.Ordinal);
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

        Assert.Contains("checking    [===============>              ]  50 %", _output.ToString(), StringComparison.Ordinal);
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
