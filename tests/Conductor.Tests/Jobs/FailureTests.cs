using System.Security.Cryptography;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>What goes wrong in the middle of a job, each made to go wrong for real.</summary>
public sealed class FailureTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Log_OfAJob_IsInWordsWithTheNodesName()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done);
        await site.Agent.ReportAsync(order, OrderSteps.SetBootDisk, StepOutcome.Failed, "No such variable.");
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Contains(site.Conductor.Log, line => line.EndsWith(": boot-from-network: starts the machine from the network", StringComparison.Ordinal));
        Assert.Contains($"n1: deploy {job.Id}: prepare: checks what would be written, and where", site.Conductor.Log);
        Assert.Contains($"n1: deploy {job.Id}: write-image → set-boot-disk", site.Conductor.Log);
        // Logged after it is written down, which is what the wait above saw.
        await Until.TrueAsync(() => Task.FromResult(site.Conductor.Log.Contains($"n1: deploy {job.Id}: set-boot-disk failed (boot-entry-failed): No such variable.")), "the failure in the log");
        Assert.DoesNotContain(site.Conductor.Log, line => line.Contains("Decision", StringComparison.Ordinal) || line.Contains(" { ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_AgentReportsAFailedStep_FailsWithItsCauseAndTheNodeCanBeApprovedAndDeployedAgain()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Failed, "Chunk 10 of image debian is not what its index says.");

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Failed, "Chunk 10 of image debian is not what its index says."), (job.Outcome, job.Cause));
        var node = await site.NodeAsync();
        Assert.Equal((NodeState.Failed, job.Cause, null), (node.State, node.Cause, node.Image));
        Assert.Equal([job.Id], await IdsAsync("n1", JobState.Failed));
        Assert.Empty(await IdsAsync("n1", JobState.Running));
        Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => IdsAsync("n2", null))).Problem.Status);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync());
        Assert.Equal(409, refusal.Problem.Status);
        Assert.Contains("approve", refusal.Problem.Remedy, StringComparison.Ordinal);

        await site.Conductor.Operator.ApproveAsync("n1", None);
        var second = await site.DeployAsync();
        Assert.Equal([second.Id], await IdsAsync(null, JobState.Running));
        var again = await site.OrderAsync();
        Assert.True(again.Reuse, "the disk was written before");
        Assert.Equal(1, site.Bmc.Starts);

        async Task<string[]> IdsAsync(string? of, JobState? state) => await site.Conductor.Operator.ListJobsAsync(None, of, state).Select(one => one.Id).ToArrayAsync(None);
    }

    [Fact]
    public async Task Deploy_AgentRestarts_GetsANewOrderForTheStepsLeftAndTheOldOneIsVoid()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.DeployAsync();
        var first = await site.OrderAsync();
        await site.Agent.ReportAsync(first, OrderSteps.WriteImage, StepOutcome.Done);
        Assert.Equal(1, (await site.Agent.AskOrderAsync())!.Attempt);

        site.Agent.RestartProcess();
        var second = await site.OrderAsync();
        Assert.Equal((2, true), (second.Attempt, second.Reuse));
        Assert.Equal([OrderSteps.SetBootDisk, OrderSteps.Reboot], second.Steps.Select(step => step.Name));
        var stale = await Assert.ThrowsAsync<ProblemException>(() => site.Agent.ReportAsync(first, OrderSteps.SetBootDisk, StepOutcome.Done));
        Assert.Equal(409, stale.Problem.Status);
    }

    [Fact]
    public async Task Deploy_MachineLosesPowerInTheMiddle_IsNetbootedAgainAndOrderedToReuse()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var first = await site.OrderAsync();
        await site.Agent.ReportAsync(first, OrderSteps.WriteImage, StepOutcome.Started);
        site.Bmc.LosePower();
        await site.Conductor.PassAsync(TimeSpan.FromSeconds(61));

        await site.BootAgentAsync(job);
        Assert.Equal(2, site.Bmc.Starts);
        var second = await site.OrderAsync();
        Assert.Equal((2, true), (second.Attempt, second.Reuse));
        Assert.NotEqual(first.BootId, second.BootId);
        job = await site.Conductor.Operator.GetJobAsync(job.Id, None);
        Assert.Equal(2, job.Attempt);
        Assert.Contains(job.Steps, step => step.Name == OrderSteps.WriteImage && step.Cause!.Contains("not been heard of", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Deploy_MachineNeverComesBack_FailsAfterThreeAttemptsWithTheCause()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        await site.OrderAsync();
        await site.Conductor.PassAsync(TimeSpan.FromSeconds(61));
        for (var attempt = 2; attempt <= 3; attempt++)
        {
            await Until.JobAsync(site.Conductor.Operator, job.Id, one => one.Attempt == attempt && one.Step == Steps.WaitForAgent, $"attempt {attempt}");
            site.Conductor.Clock.Jump(TimeSpan.FromMinutes(15));
        }
        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Failed, FailureCodes.AgentMissing), (job.Outcome, job.FailureCode));
        Assert.Contains("attempt 3 of 3", job.Cause, StringComparison.Ordinal);
        Assert.Equal(3, site.Bmc.Starts);
    }

    [Fact]
    public async Task Deploy_SystemNeverSeen_FailsAndSaysWhereToLook()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        foreach (var step in Steps.Ordered(JobKind.Deploy))
            await site.Agent.ReportAsync(order, step, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        site.Conductor.Clock.Jump(TimeSpan.FromMinutes(20));
        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Failed, FailureCodes.SystemNotSeen), (job.Outcome, job.FailureCode));
        Assert.Contains("console", job.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_ImageRevokedBeforeTheOrder_FailsAndNothingIsOrdered()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.WriteImage);
        Assert.True(Digest.TryParse(job.Deployment!.ManifestSha256, out var manifest));
        site.Conductor.Image.Advance(trust => trust with { Version = trust.Version + 1, Revoked = new Revocations([], [manifest]) });
        Assert.Null(await site.Agent.AskOrderAsync());
        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Contains("revoked", job.Cause, StringComparison.Ordinal);
        Assert.Equal(FailureCodes.TrustWithdrawn, job.FailureCode);
    }

    [Fact]
    public async Task Deploy_DiskGoneInTheFreshInventory_FailsBeforeAnyOrder()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.Agent.TellInventoryAsync(TestAgent.Machine(TestAgent.OneDisk, TestAgent.OneDisk with { Name = "vdb", Serial = "disk-2" }));
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync());
        Assert.Equal(422, refusal.Problem.Status);
        Assert.Contains("disk-2", refusal.Problem.Title, StringComparison.Ordinal);

        var job = await site.DeployAsync(new DeployNode("debian", new RootDeviceHints(Serial: "disk-2")));
        Assert.Equal("disk-2", (await site.OrderAsync()).Target!.Serial);
        Assert.Equal("vdb", (await site.Conductor.Operator.GetJobAsync(job.Id, None)).Deployment!.TargetDisk);
    }

    [Fact]
    public async Task Abort_InTheMiddleOfAWrite_TellsTheAgentToStopAndTheNodeIsFailed()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        Assert.False((await site.Agent.BeatAsync(order.OrderId, OrderSteps.WriteImage)).Abort);
        await site.Conductor.Operator.AbortJobAsync(job.Id, None);
        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal(JobOutcome.Aborted, job.Outcome);
        Assert.True((await site.Agent.BeatAsync(order.OrderId, OrderSteps.WriteImage)).Abort);
        Assert.Null(await site.Agent.AskOrderAsync());
        Assert.Equal(NodeState.Failed, (await site.NodeAsync()).State);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.AbortJobAsync(job.Id, None))).Problem.Status);
    }

    [Fact]
    public async Task Inspect_PowerControllerFails_IsTriedAgainUntilItAnswers()
    {
        await using var site = await TestSite.StartAsync();
        var asked = 0;
        site.Bmc.Fault = http =>
        {
            var fails = Interlocked.Increment(ref asked) <= 2;
            if (fails)
                http.Response.StatusCode = 503;
            return Task.FromResult(fails);
        };
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAsync(site.Conductor.Operator, job.Id, one => one.WaitingFor?.Contains("503", StringComparison.Ordinal) == true, "the trouble to be told");
        site.Conductor.Clock.Jump(TimeSpan.FromSeconds(5));
        await Until.TrueAsync(() => Task.FromResult(asked >= 2), "a second try");
        site.Conductor.Clock.Jump(TimeSpan.FromSeconds(5));
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);
    }

    [Fact]
    public async Task Inspect_PowerControllerRefusesThePassword_FailsAtOnceNamingTheUser()
    {
        await using var site = await TestSite.StartAsync();
        site.Bmc.Fault = http =>
        {
            http.Response.StatusCode = 401;
            return Task.FromResult(true);
        };
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Contains($"'{TestBmc.User}'", job.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain(TestBmc.Password, job.Cause, StringComparison.Ordinal);
        Assert.Equal(FailureCodes.PowerRefused, job.FailureCode);
        Assert.Equal(NodeState.Failed, (await site.NodeAsync()).State);
    }

    [Fact]
    public async Task Job_StartedTwice_TheSecondIsRefusedNamingTheFirst()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.InspectAsync("n1", None));
        Assert.Equal(409, refusal.Problem.Status);
        Assert.Contains(job.Id, refusal.Problem.Remedy, StringComparison.Ordinal);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.RemoveNodeAsync("n1", None))).Problem.Status);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.Off, None))).Problem.Status);
    }

    [Fact]
    public async Task ConfigDrive_AskedByAnotherNodeOrAfterTheWrite_IsNotThere()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.DeployAsync(new DeployNode("debian", UserData: "#cloud-config\n" + RandomNumberGenerator.GetHexString(20)));
        var order = await site.OrderAsync();
        Assert.NotNull(order.UserDataSha256);

        await site.Conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        var other = await site.Conductor.Operator.InspectAsync("n2", None);
        await Until.JobAtAsync(site.Conductor.Operator, other.Id, Steps.WaitForAgent);
        using var stranger = new TestAgent(site.Conductor, "52:54:00:00:00:02");
        await stranger.BootAsync();
        Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => stranger.FetchConfigDriveAsync(order.OrderId))).Problem.Status);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => stranger.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done))).Problem.Status);

        Assert.Equal(8 << 20, (await site.Agent.FetchConfigDriveAsync(order.OrderId)).Length);
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, order.OrderId, OrderSteps.SetBootDisk);
        Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => site.Agent.FetchConfigDriveAsync(order.OrderId))).Problem.Status);
    }
}
