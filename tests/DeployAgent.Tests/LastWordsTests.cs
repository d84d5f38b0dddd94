using Baremetal.Api;
using Baremetal.DeployAgent.Logs;

namespace Baremetal.DeployAgent.Tests;

/// <summary>What an agent tells of a failure, and what it must not tell.</summary>
public sealed class LastWordsTests(SignedDisk image) : IClassFixture<SignedDisk>, IDisposable
{
    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Fact]
    public async Task Step_ThatFails_SendsDisksAgentAndKernelBeforeItIsReported()
    {
        _tree.Write("/proc/uptime", "12.34 20.00\n");
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), beforeDisk: () => throw new InvalidOperationException("the driver has lost its disk"));

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));

        // It asks again, is given the same order and fails again, for as long as nobody stops it.
        var (text, reportsBefore) = conductor.Logs.First();
        Assert.Equal(1, reportsBefore);
        Assert.Contains($"vda: {AgentUnderTest.DiskBytes} bytes, sectors of 512", text, StringComparison.Ordinal);
        Assert.Contains("\n[    12.34] Enrolled at ", text, StringComparison.Ordinal);
        Assert.Contains("the driver has lost its disk", text, StringComparison.Ordinal);
        Assert.Contains(AgentUnderTest.KernelSaid, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failure_WithTheTokenOnTheKernelsLine_TellsNoSecret()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.ConfigDrive = [.. "user data: hunter2"u8, .. new byte[65518]];
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), beforeDisk: () => throw new InvalidOperationException("no"));

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));

        Assert.All(conductor.Logs, log =>
        {
            Assert.Contains("bm.token=(one-time token) ", log.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(TestConductor.Token, log.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("hunter2", log.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("PRIVATE KEY", log.Text, StringComparison.Ordinal);
        });
        Assert.NotEmpty(conductor.Logs);
    }

    [Fact]
    public async Task Start_AfterAnAgentThatCrashed_SendsItsLastWords()
    {
        _tree.Write("/run/agent/log", "[    12.00] Enrolled.\nUnhandled exception. System.NullReferenceException\n\u001b[31mramdisk: The deploy agent ended by signal 6.\n");
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the log", () => !conductor.Logs.IsEmpty);

        var (text, _) = Assert.Single(conductor.Logs);
        Assert.Contains("Unhandled exception. System.NullReferenceException\n?[31mramdisk: The deploy agent ended by signal 6.\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OfTheFirstAgent_SendsNone()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);

        Assert.Empty(conductor.Logs);
    }

    [Fact]
    public void Text_OfMoreThanIsSent_IsBoundedAndHasTheEnd()
    {
        _tree.Write("/run/agent/log", string.Concat(Enumerable.Repeat(new string('a', 99) + "\n", 3000)) + "the end of the agent");
        var machine = new Machine(_tree.Root) { KernelLog = () => string.Concat(Enumerable.Repeat("<6>[ 1.0] kernel\n", 30000)) + "the end of the kernel" };

        var text = new LastWords(machine, new AgentLog(machine), "token").Text();

        Assert.InRange(text.Length, AgentLogText.Longest / 2, AgentLogText.Longest);
        Assert.Contains("the end of the agent\n", text, StringComparison.Ordinal);
        Assert.EndsWith("the end of the kernel\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Append_ForWeeks_KeepsTheNewestAndNoMoreThanItMay()
    {
        var log = new AgentLog(new Machine(_tree.Root));
        for (var line = 0; line < 3000; line++)
            log.Append($"{line} {new string('x', 100)}");

        var kept = log.Read()!;

        Assert.InRange(kept.Length, 1, 256 << 10);
        Assert.Contains("] 2999 x", kept, StringComparison.Ordinal);
    }
}
