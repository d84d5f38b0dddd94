using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>Orders to let somebody in. The SSH server itself is a file's reader: see ramdisk/rescue.</summary>
public sealed class RescueTests : IDisposable
{
    private const string HostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp";

    private readonly MachineTree _tree = new("virtio-vm");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Folder => Path.Join(_tree.Root, "run", "rescue");

    private string Keys => Path.Join(Folder, "authorized_keys");

    public void Dispose() => _tree.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rescue_UntilItsTimeOrItsEnd_PutsTheKeysThereAndTakesThemAway(bool isEnded)
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => conductor.Sign(Order(conductor, ask, isEnded ? 3600 : 1));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());
        await agent.UntilAsync("the keys", () => File.Exists(Keys));
        Assert.Equal(["key a", "key b"], await File.ReadAllLinesAsync(Keys, Cancel));
        Assert.Equal("the file rescue.img", await File.ReadAllTextAsync(Path.Join(_tree.Root, "run", "rescue.img"), Cancel));
        await File.WriteAllTextAsync(Path.Join(Folder, "host_key"), HostKey + "\n", Cancel);
        await agent.UntilAsync("the host key", () => conductor.Reports.Any(report => report.HostKey == HostKey));

        conductor.Order = null;
        conductor.Abort = isEnded;
        await agent.UntilAsync("the end", () => conductor.Reports.Any(report => report is { Step: OrderSteps.Rescue, Outcome: StepOutcome.Done }));

        Assert.False(File.Exists(Keys));
        if (isEnded)
            await agent.StopAsync();
        else
            await agent.EndAsync();
        Assert.Equal((0, isEnded ? 0 : 1), (agent.DiskOpened, agent.Restarts));
    }

    [Fact]
    public async Task Rescue_TakenUpByAnAgentThatWasStartedAgain_EndsWhenItWouldHave()
    {
        _tree.Write("/proc/uptime", "1000.00 900.00\n");
        _tree.Write("/etc/rescue", "#!/bin/sh\n");
        var ends = Path.Join(Folder, "ends");
        await using var conductor = await TestConductor.StartAsync();
        conductor.RescuePart = null;
        conductor.Order = ask => conductor.Sign(Order(conductor, ask, 3600));
        string orderId;
        await using (var first = AgentUnderTest.Start(_tree, conductor.Boot()))
        {
            await first.UntilAsync("the keys", () => File.Exists(Keys));
            Assert.Matches("^[^ ]+ 4600\n$", await File.ReadAllTextAsync(ends, Cancel));
            orderId = (await File.ReadAllTextAsync(ends, Cancel)).Split(' ')[0];
        }

        // Its time is over while nobody looks.
        _tree.Write("/proc/uptime", "5000.00 900.00\n");
        _tree.Write("/run/rescue/host_key", HostKey + "\n");
        await using var second = AgentUnderTest.Start(_tree, conductor.Boot());
        await second.UntilAsync("the end", () => conductor.Reports.Any(report => report is { Step: OrderSteps.Rescue, Outcome: StepOutcome.Done }));
        Assert.Equal($"{orderId} 4600\n", await File.ReadAllTextAsync(ends, Cancel));
        Assert.False(File.Exists(Keys));
        await second.EndAsync();
    }

    [Theory]
    [InlineData("without the SSH server", "There is no SSH server for that order")]
    [InlineData("for nobody", "is no whole rescue")]
    [InlineData("for no time", "is no whole rescue")]
    [InlineData("and a write", "is no whole rescue")]
    [InlineData("and an erasing", "is no whole rescue")]
    public async Task Rescue_OrderedWrongly_LetsNobodyIn(string fault, string reason)
    {
        await using var conductor = await TestConductor.StartAsync();
        if (fault == "without the SSH server")
            conductor.RescuePart = null;
        conductor.Order = ask =>
        {
            var right = Order(conductor, ask, 3600);
            return conductor.Sign(fault switch
            {
                "for nobody" => right with { Rescue = new RescueOrder(3600, []) },
                "for no time" => right with { Rescue = new RescueOrder(0, ["key"]) },
                "and a write" => right with { Target = AgentUnderTest.Disk, Steps = [new OrderStep(OrderSteps.WriteImage)] },
                "and an erasing" => right with { Erase = new EraseOrder("zero", [AgentUnderTest.Disk]) },
                _ => right,
            });
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the refusal", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        Assert.Contains(reason, conductor.Reports.First(report => report.Outcome == StepOutcome.Failed).Cause, StringComparison.Ordinal);
        Assert.False(File.Exists(Keys));
    }

    private static DeployOrder Order(TestConductor conductor, AskOrder ask, int seconds) =>
        conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Rescue, OrderSteps.Reboot) with { Target = null, ManifestSha256 = null, Rescue = new RescueOrder(seconds, ["key a", "key b"]) };
}
