using Baremetal.Api;
using Baremetal.DeployAgent.Logs;
using Baremetal.Support;

namespace Baremetal.DeployAgent.Tests;

/// <summary>What a serial console shows.</summary>
public sealed class AgentConsoleTests : IDisposable
{
    private readonly StoppableWriter _output = new();
    private readonly MachineTree _tree = new("virtio-vm");
    private readonly AgentConsole _console;

    public AgentConsoleTests() => _console = new AgentConsole(_output, new AgentLog(new Machine(_tree.Root)));

    public void Dispose()
    {
        _output.Continue();
        _console.Dispose();
        _tree.Dispose();
    }

    [Fact]
    public async Task Draw_SameTenth_DrawsOverTheLine()
    {
        _console.Draw(new Progress(1 << 20, 100 << 20, 0, 1 << 20, ProgressPhase.Writing));
        _console.Draw(new Progress(2 << 20, 100 << 20, 0, 1 << 20, ProgressPhase.Writing));

        var shown = await ShownAsync();
        Assert.DoesNotContain("\n", shown, StringComparison.Ordinal);
        Assert.Equal("agent: writing      [........................]  2 %  2.0 MiB of 100 MiB, 1.0 MiB/s  1 min 38 s left", shown.Split('\r')[^1].TrimEnd());
    }

    [Fact]
    public async Task Draw_EachNewTenth_LeavesALine()
    {
        for (var percent = 0; percent <= 100; percent++)
            _console.Draw(new Progress(percent, 100, 0, 1, ProgressPhase.Writing));

        var shown = await ShownAsync();
        Assert.Equal(10, shown.Split('\n').Length - 1);
        Assert.Contains("[########################] 100 %", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Say_AfterABar_BeginsANewLine()
    {
        _console.Draw(new Progress(1, 100, 0, 1, ProgressPhase.Writing));
        _console.Say("Something else.");

        Assert.Equal("agent: Something else.", (await ShownAsync()).Split('\n')[1]);
    }

    [Fact]
    public async Task Draw_NothingToDoYet_DrawsNothing()
    {
        _console.Draw(new Progress(0, 0, 0, 0, ProgressPhase.Checking));

        Assert.Empty(await ShownAsync());
    }

    [Fact]
    public async Task StoppedConsole_HoldsNobodyUp_AndShowsTheLinesWhenItGoesOn()
    {
        await _output.StopAsync(_console);
        for (var i = 0; i < 100; i++)
        {
            _console.Say($"line {i}.");
            for (var percent = 0; percent <= 100; percent++)
                _console.Draw(new Progress(percent, 100, 0, 1, i % 2 == 0 ? ProgressPhase.Zeroing : ProgressPhase.Writing));
        }
        await _console.DrainAsync(new HastyClock());
        _output.Continue();

        var shown = await ShownAsync();
        Assert.All(Enumerable.Range(0, 100), i => Assert.Contains($"agent: line {i}.\n", shown, StringComparison.Ordinal));
        Assert.DoesNotContain("are missing here", shown, StringComparison.Ordinal);
        Assert.Contains("writing      [########################] 100 %", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoppedConsole_MoreLinesThanAreKept_ShowsTheNewestAndSaysHowManyAreMissing()
    {
        await _output.StopAsync(_console);
        for (var i = 0; i < 300; i++)
            _console.Say($"line {i}.");
        _output.Continue();

        var lines = (await ShownAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["agent: stop", "agent: 44 lines are missing here: this console stood still.", "agent: line 44."], lines[..3]);
        Assert.Equal("agent: line 299.", lines[^1]);
    }

    private async Task<string> ShownAsync()
    {
        // A clock that stands still: it is waited for as long as it takes.
        await _console.DrainAsync(new ManualClock());
        return _output.ToString();
    }

    // Waits are over at once.
    private sealed class HastyClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
