using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>A node that is let into by an operator, and is what it was.</summary>
public sealed class RescueTests
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp";

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Rescue_OfAnActiveNode_BootsTheAgentOrdersTheKeysAndEndsWhenItIsTold()
    {
        await using var site = await ActiveAsync();
        var job = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key], 600), None);
        Assert.Equal(NodeState.Rescuing, (await site.NodeAsync()).State);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);
        await site.BootAgentAsync(job);

        var order = await site.OrderAsync();
        Assert.Equal("the file rescue.img", System.Text.Encoding.UTF8.GetString(await site.Agent.FetchRescueAsync(order.OrderId)));
        Assert.Equal([OrderSteps.Rescue, OrderSteps.Reboot], order.Steps.Select(step => step.Name));
        Assert.Equal((600, Key, null, null), (order.Rescue!.Seconds, Assert.Single(order.Rescue.SshKeys), order.Target, order.Erase));
        await site.Agent.TellHostKeyAsync(order, Key);
        Assert.Equal(Key, (await site.Conductor.Operator.GetJobAsync(job.Id, None)).Rescue!.HostKey!.PublicKey);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.Rescue);
        Assert.False((await site.Agent.BeatAsync(order.OrderId, OrderSteps.Rescue)).Abort);

        await site.Conductor.Operator.UnrescueAsync("n1", None);

        Assert.True((await site.Agent.BeatAsync(order.OrderId, OrderSteps.Rescue)).Abort);
        await site.Agent.ReportAsync(order, OrderSteps.Rescue, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.Reboot);
        site.Agent.RestartProcess();
        var last = await site.OrderAsync();
        Assert.Equal([OrderSteps.Reboot], last.Steps.Select(step => step.Name));
        Assert.False((await site.Agent.BeatAsync(last.OrderId, OrderSteps.Reboot)).Abort);
        // It restarts when this is heard, and the job is there to hear it.
        await site.Agent.ReportAsync(last, OrderSteps.Reboot, StepOutcome.Started);
        await site.Conductor.PassAsync(TimeSpan.FromSeconds(8));
        await site.Agent.ReportAsync(last, OrderSteps.Reboot, StepOutcome.Done);
        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        var node = await site.NodeAsync();
        Assert.Equal((NodeState.Active, "debian:12"), (node.State, node.Image));
    }

    [Fact]
    public async Task Rescue_OfAFailedNodeWhoseAgentWaits_LetsInWhereItFailedAndTheCauseStays()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await File.WriteAllTextAsync(site.Conductor.Settings.RescueFile, "the file rescue.img", None);
        var deploy = await site.DeployAsync();
        var order = await site.OrderAsync();
        Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => site.Agent.FetchRescueAsync(order.OrderId))).Problem.Status);
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Failed, "The disk cannot be written.");
        await Until.JobEndAsync(site.Conductor.Operator, deploy.Id);
        var starts = site.Bmc.Starts;

        var job = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        var rescue = await site.OrderAsync();
        Assert.Equal([OrderSteps.Rescue, OrderSteps.Reboot], rescue.Steps.Select(step => step.Name));
        Assert.Equal((starts, order.BootId), (site.Bmc.Starts, rescue.BootId));
        foreach (var step in rescue.Steps)
            await site.Agent.ReportAsync(rescue, step.Name, StepOutcome.Done);

        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        var node = await site.NodeAsync();
        Assert.Equal((NodeState.Failed, "The disk cannot be written."), (node.State, node.Cause));
    }

    [Fact]
    public async Task Rescue_ThatFailsOrIsAborted_LeavesTheNodeActive()
    {
        await using var site = await ActiveAsync();
        var failed = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        await site.BootAgentAsync(failed);
        var order = await site.OrderAsync();
        await site.Agent.ReportAsync(order, OrderSteps.Rescue, StepOutcome.Failed, "no SSH server");
        Assert.Equal(JobOutcome.Failed, (await Until.JobEndAsync(site.Conductor.Operator, failed.Id)).Outcome);
        Assert.Equal((NodeState.Active, "no SSH server"), ((await site.NodeAsync()).State, (await site.NodeAsync()).Cause));

        var aborted = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        await site.Conductor.Operator.AbortJobAsync(aborted.Id, None);
        await Until.JobEndAsync(site.Conductor.Operator, aborted.Id);
        Assert.Equal(NodeState.Active, (await site.NodeAsync()).State);
    }

    [Fact]
    public async Task Unrescue_BeforeAnAgentCame_EndsItAtOnce()
    {
        await using var site = await ActiveAsync();
        var job = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);

        await site.Conductor.Operator.UnrescueAsync("n1", None);

        Assert.Equal(JobOutcome.Aborted, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        Assert.Equal(NodeState.Active, (await site.NodeAsync()).State);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rescue_ThatFailsOrIsAborted_IsTheLastThingThatItsRamdiskDoes(bool fails)
    {
        await using var site = await TestSite.StartAvailableAsync();
        await File.WriteAllTextAsync(site.Conductor.Settings.RescueFile, "the file rescue.img", None);
        var rescue = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        var order = await site.OrderAsync();
        if (fails)
            await site.Agent.ReportAsync(order, OrderSteps.Rescue, StepOutcome.Failed, "no SSH server");
        else
            await site.Conductor.Operator.AbortAsync("n1", None);
        await Until.JobEndAsync(site.Conductor.Operator, rescue.Id);

        // Somebody may have been root there: a deploy begins with another boot.
        var deploy = await site.DeployAsync();
        await Until.JobAtAsync(site.Conductor.Operator, deploy.Id, Steps.WaitForAgent);
        Assert.Null(await site.Agent.AskOrderAsync());
    }

    [Fact]
    public async Task Rescue_OfANodeThatNobodyApproved_IsRefused()
    {
        await using var site = await TestSite.StartAsync();
        await File.WriteAllTextAsync(site.Conductor.Settings.RescueFile, "the file rescue.img", None);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None));

        Assert.Contains("only available, active or failed nodes are rescued", refusal.Problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rescue_OfAnAvailableNode_HoweverItEnds_LeavesItAvailable()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await File.WriteAllTextAsync(site.Conductor.Settings.RescueFile, "the file rescue.img", None);
        // Its agent waits since the inspection, and is let into as it is.
        var job = await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        var rescue = await site.OrderAsync();
        Assert.Equal(NodeState.Rescuing, (await site.NodeAsync()).State);
        foreach (var step in rescue.Steps)
            await site.Agent.ReportAsync(rescue, step.Name, StepOutcome.Done);
        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        Assert.Equal((NodeState.Available, null), ((await site.NodeAsync()).State, (await site.NodeAsync()).Cause));

        await site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None);
        var aborted = await site.Conductor.Operator.AbortAsync("n1", None);
        Assert.Equal(JobOutcome.Aborted, (await Until.JobEndAsync(site.Conductor.Operator, aborted.Id)).Outcome);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.AbortAsync("n1", None));
        Assert.Equal((409, "Node n1 is available; no job works on it."), (refusal.Problem.Status, refusal.Problem.Title));
    }

    [Fact]
    public async Task Rescue_WithoutAKeyATimeOrAState_IsRefused()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await File.WriteAllTextAsync(site.Conductor.Settings.RescueFile, "the file rescue.img", None);
        foreach (var (ask, why) in new[]
        {
            (new RescueNode([]), "names no SSH key"),
            (new RescueNode(["root:x:0:0"]), "lets nobody in"),
            (new RescueNode([Key], 5), "would last 5 s"),
        })
            Assert.Contains(why, (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.RescueAsync("n1", ask, None))).Problem.Title, StringComparison.Ordinal);
        Assert.Contains("no rescue to end", (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.UnrescueAsync("n1", None))).Problem.Title, StringComparison.Ordinal);
        File.Delete(site.Conductor.Settings.RescueFile);
        Assert.Contains("rescue.img does not exist", (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.RescueAsync("n1", new RescueNode([Key]), None))).Problem.Title, StringComparison.Ordinal);
    }

    private static async Task<TestSite> ActiveAsync()
    {
        var site = await TestSite.StartAvailableAsync();
        await File.WriteAllTextAsync(site.Conductor.Settings.RescueFile, "the file rescue.img", None);
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        foreach (var step in order.Steps)
            await site.Agent.ReportAsync(order, step.Name, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        site.SeeSystem();
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        return site;
    }
}
