using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Boot;

/// <summary>What boots when: the cells of the table in docs/operating.md that the conductor decides.</summary>
public sealed class BootTableTests
{
    private const int Bios = 0;
    private const int Uefi = 7;
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(BootPolicy.DiskFirst)]
    [InlineData(BootPolicy.NetworkFirst)]
    public async Task Node_WhoseJobWaitsForTheAgent_IsStartedFromTheNetworkAndBootsIt(BootPolicy policy)
    {
        await using var site = await StartAsync(policy);
        var fromNetwork = StartsOf(site);
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);

        Assert.Equal([true], fromNetwork);
        Assert.Contains("bm.token=", await site.Agent.FetchScriptAsync(Bios), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BootPolicy.DiskFirst)]
    [InlineData(BootPolicy.NetworkFirst)]
    public async Task Node_AtAnyOtherTime_BootsItsDisk(BootPolicy policy)
    {
        await using var site = await StartAsync(policy);
        await AssertBootsDiskAsync(site, "enrolled");

        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await site.BootAgentAsync(job);
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        await site.Conductor.Operator.ApproveAsync("n1", None);
        await AssertBootsDiskAsync(site, "available");

        job = await site.DeployAsync();
        var order = await site.OrderAsync();
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Started);
        await AssertBootsDiskAsync(site, "being written");
        foreach (var step in order.Steps)
            await site.Agent.ReportAsync(order, step.Name, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        await AssertBootsDiskAsync(site, "expected to boot its system");

        site.SeeSystem();
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        await AssertBootsDiskAsync(site, "active");
    }

    [Theory]
    [InlineData(BootPolicy.DiskFirst)]
    [InlineData(BootPolicy.NetworkFirst)]
    public async Task Node_ThatLosesPowerInTheMiddle_IsCycledAndBootsTheAgentAgain(BootPolicy policy)
    {
        await using var site = await StartAsync(policy);
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await site.BootAgentAsync(job);
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        await site.Conductor.Operator.ApproveAsync("n1", None);
        var fromNetwork = StartsOf(site);
        job = await site.DeployAsync();
        await site.Agent.ReportAsync(await site.OrderAsync(), OrderSteps.WriteImage, StepOutcome.Started);
        site.Bmc.LosePower();
        await site.Conductor.PassAsync(TimeSpan.FromSeconds(61));

        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);
        Assert.Equal([true], fromNetwork);
        Assert.Contains("bm.token=", await site.Agent.FetchScriptAsync(Uefi), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BootPolicy.DiskFirst)]
    [InlineData(BootPolicy.NetworkFirst)]
    public async Task Node_WhoseOverrideIsLost_IsCycledWithANewOneAfterTheAgentsLimit(BootPolicy policy)
    {
        await using var site = await StartAsync(policy);
        var fromNetwork = StartsOf(site);
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);
        // It boots its disk all the same, and asks nobody.
        await site.Conductor.PassAsync(site.Conductor.Settings.Limits.AgentBoot);

        job = await Until.JobAsync(site.Conductor.Operator, job.Id, one => one.Attempt == 2 && one.Step == Steps.WaitForAgent, "the second start");
        Assert.Equal([true, true], fromNetwork);
        Assert.Contains("bm.token=", await site.Agent.FetchScriptAsync(Bios), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiskFirstNode_WhoseControllerForgetsOverrides_IsNotStarted()
    {
        await using var site = await StartAsync(BootPolicy.DiskFirst);
        site.Bmc.Forgets = true;
        var job = await site.Conductor.Operator.InspectAsync("n1", None);

        await Until.JobAsync(site.Conductor.Operator, job.Id, one => one.WaitingFor?.Contains("one-time boot from the network", StringComparison.Ordinal) == true, "the trouble to be told");
        Assert.Equal(0, site.Bmc.Starts);
    }

    [Theory]
    [InlineData("it forgets them")]
    [InlineData("it refuses them")]
    public async Task NetworkFirstNode_WhoseControllerHasNoOverrides_IsStartedAllTheSame(string why)
    {
        await using var site = await StartAsync(BootPolicy.NetworkFirst);
        site.Bmc.Forgets = why == "it forgets them";
        site.Bmc.Fault = http =>
        {
            if (why != "it refuses them" || http.Request.Method != "PATCH")
                return Task.FromResult(false);
            http.Response.StatusCode = 405;
            return Task.FromResult(true);
        };
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await site.BootAgentAsync(job);

        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        Assert.Equal(1, site.Bmc.Starts);
    }

    private static async Task<TestSite> StartAsync(BootPolicy policy)
    {
        var site = await TestSite.StartAsync();
        await site.Conductor.Operator.EditNodeAsync("n1", new EditNode(BootPolicy: policy), None);
        return site;
    }

    /// <summary>Of each start from here on, whether the firmware was told to boot from the network.</summary>
    private static List<bool> StartsOf(TestSite site)
    {
        var starts = new List<bool>();
        site.Bmc.Started = starts.Add;
        return starts;
    }

    private static async Task AssertBootsDiskAsync(TestSite site, string when)
    {
        using var machine = new TestAgent(site.Conductor, TestSite.Mac);
        var (bios, uefi) = (await machine.FetchScriptAsync(Bios), await machine.FetchScriptAsync(Uefi));
        Assert.True(bios.EndsWith("\nexit\n", StringComparison.Ordinal), $"{when}, by BIOS: {bios}");
        Assert.True(uefi.Contains("/localboot.efi", StringComparison.Ordinal), $"{when}, by UEFI: {uefi}");
        Assert.Null(machine.Token);
    }
}
