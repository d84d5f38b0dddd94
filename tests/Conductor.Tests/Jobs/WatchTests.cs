using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>Whose silence it is: an agent that works must not be cut off for what happens to the conductor or to its clock.</summary>
public sealed class WatchTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan MoreThanSilence = TimeSpan.FromSeconds(61);

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task WallClock_SetInTheMiddleOfADeploy_MovesNothing(int years)
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await WritingAsync(site);
        site.Conductor.Clock.Step(TimeSpan.FromDays(365 * years));
        await LookedAtAsync(site);
        await StillWritesAsync(site, job);
        Assert.False((await site.Agent.BeatAsync(job.Id, OrderSteps.WriteImage)).Abort);
    }

    [Fact]
    public async Task Conductor_StoodStill_DoesNotCallTheAgentLost()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await WritingAsync(site);
        site.Conductor.Clock.Jump(MoreThanSilence);
        await LookedAtAsync(site);
        await StillWritesAsync(site, job);
    }

    [Fact]
    public async Task Conductor_CouldNotWriteForAMinute_DoesNotCallTheAgentLost()
    {
        FaultyDatabase? database = null;
        await using var site = await TestSite.StartAvailableAsync(real => database = new FaultyDatabase(real));
        var job = await WritingAsync(site);
        database!.Claiming = () => throw new IOException("the disk is full");
        await site.Conductor.PassAsync(MoreThanSilence);
        database.Claiming = null;
        await LookedAtAsync(site);
        await StillWritesAsync(site, job);
    }

    private static async Task<Job> WritingAsync(TestSite site)
    {
        var job = await site.DeployAsync();
        await site.Agent.ReportAsync(await site.OrderAsync(), OrderSteps.WriteImage, StepOutcome.Started);
        return job;
    }

    /// <summary>The worker has decided with what it knows now, and does not look again soon.</summary>
    private static async Task LookedAtAsync(TestSite site)
    {
        var now = site.Conductor.Database.Write(tx =>
        {
            tx.Sql.Execute("UPDATE jobs SET due = @now WHERE finished IS NULL AND due > @now", new { now = tx.Now });
            return tx.Now;
        });
        await Until.TrueAsync(() => Task.FromResult(site.Conductor.Database.Read(sql => sql.QuerySingle<DateTimeOffset>("SELECT due FROM jobs WHERE finished IS NULL")) > now), "the worker to look");
    }

    private static async Task StillWritesAsync(TestSite site, Job job)
    {
        job = await site.Conductor.Operator.GetJobAsync(job.Id, None);
        Assert.Equal((OrderSteps.WriteImage, 1), (job.Step, job.Attempt));
        Assert.Equal(1, site.Bmc.Starts);
    }
}
