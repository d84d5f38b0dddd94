namespace Baremetal.Lab.Tests;

public sealed class LabProcessTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_Output_GoesToWaiterCallbackAndFile()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        List<string> lines = [];
        var process = lan.Conductor.Start("talker", ["sh", "-c", "echo $GREETING; echo two >&2"], line => { lock (lines) lines.Add(line); },
            new Dictionary<string, string> { ["GREETING"] = "one" });

        Assert.Equal("one", await process.Output.WaitForLineAsync("one", Bound, cancellationToken: Cancelled));
        Assert.Equal(0, await process.WaitForExitAsync(Bound, Cancelled));

        Assert.Equal(["one", "two"], lines.Order());
        Assert.Equal(["one", "two"], (await File.ReadAllLinesAsync(Path.Combine(lan.Folder, "talker.log"), Cancelled)).Order());
    }

    [Fact]
    public async Task WaitForLine_ProcessEndsFirst_SaysSoWithItsLastWords()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var process = lan.Conductor.Start("failing", ["sh", "-c", "echo no such luck; exit 3"]);

        var error = await Assert.ThrowsAsync<EndOfStreamException>(() => process.Output.WaitForLineAsync("listening", Bound, cancellationToken: Cancelled));

        Assert.Contains("failing did not say 'listening' before it ended (exit code 3)", error.Message, StringComparison.Ordinal);
        Assert.Contains("no such luck", error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(lan.Folder, "failing.log"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WaitForLine_NotSaidInTime_SaysSoWithItsLastWords()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var process = lan.Conductor.Start("silent", ["sh", "-c", "echo half an answer; exec sleep 1000"]);
        await process.Output.WaitForLineAsync("half", Bound, cancellationToken: Cancelled);

        var error = await Assert.ThrowsAsync<TimeoutException>(() => process.Output.WaitForLineAsync("whole", TimeSpan.FromMilliseconds(50), cancellationToken: Cancelled));

        Assert.Contains("silent did not say 'whole' within", error.Message, StringComparison.Ordinal);
        Assert.Contains("half an answer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kill_Running_EndsTheProgramItself()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var process = lan.Conductor.Start("sleep", ["sh", "-c", "echo ready; exec sleep 1000"]);
        await process.Output.WaitForLineAsync("ready", Bound, cancellationToken: Cancelled);

        await process.KillAsync();

        Assert.Equal(128 + LabProcess.SigKill, await process.WaitForExitAsync(Bound, Cancelled));
        Assert.False(LanTests.IsRunning(process.Id));
        Assert.False(process.Signal(LabProcess.SigTerm));
    }

    [Fact]
    public async Task Start_ProgramThatIsNotThere_EndsWithItsName()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);

        var process = lan.Conductor.Start("nothing", ["no-such-program"]);
        var error = await Assert.ThrowsAsync<EndOfStreamException>(() => process.Output.WaitForLineAsync("hello", Bound, cancellationToken: Cancelled));

        Assert.Contains("no-such-program", error.Message, StringComparison.Ordinal);
    }
}
