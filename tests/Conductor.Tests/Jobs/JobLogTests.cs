using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>What agents tell of failures, kept with the job.</summary>
public sealed class JobLogTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Log_OfAnAgent_IsKeptWithItsJobAndSteersNoTerminal()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        await site.Agent.FetchScriptAsync();
        await site.Agent.EnrolAsync();
        await site.Agent.TellLogAsync("first");
        await site.Agent.TellLogAsync("sda: \u001b[2Jgone\nsecond line");

        var log = await site.Conductor.Operator.GetJobLogAsync(job.Id, None);

        Assert.Equal(job.Id, log.Job);
        var boot = Assert.Single(log.Boots);
        Assert.Equal((site.Agent.Identity!.BootId, "sda: ?[2Jgone\nsecond line"), (boot.BootId, boot.Text));
    }

    [Fact]
    public async Task Log_OfAJobThatHasNone_IsNotThere()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);

        var missing = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.GetJobLogAsync(job.Id, None));

        Assert.Equal((int)HttpStatusCode.NotFound, missing.Problem.Status);
        Assert.Contains(job.Id, missing.Problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_LongerThanAgentsSend_IsRefused()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        await site.Agent.FetchScriptAsync();
        await site.Agent.EnrolAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => site.Agent.TellLogAsync(new string('x', AgentLogText.Longest + 1)));

        await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.GetJobLogAsync(job.Id, None));
    }
}
