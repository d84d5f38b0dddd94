using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>What the worker does out in the world, when it goes wrong on the conductor's own side.</summary>
public sealed class EffectTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Effect_ThrowsWhatNobodyForesaw_IsTriedAgainUntilItsLimitThenFailsWithTheCause()
    {
        await using var site = await TestSite.StartAsync();
        // Restored from a backup of another conductor: the sealed password does not open.
        site.Conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET power_password = zeroblob(64)"));
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAsync(site.Conductor.Operator, job.Id, one => one.WaitingFor?.Contains("The secret of nodes", StringComparison.Ordinal) == true, "the trouble to be told");

        site.Conductor.Clock.Jump(site.Conductor.Settings.Limits.Power);
        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("The secret of nodes", job.Cause, StringComparison.Ordinal);
        Assert.Equal(job.Cause, (await site.NodeAsync()).Cause);
    }

    [Fact]
    public async Task Effect_LeaseCannotBeRenewed_EndsBeforeItIsHadAgain()
    {
        FaultyDatabase? database = null;
        await using var site = await TestSite.StartAsync(database: real => database = new FaultyDatabase(real));
        var asked = 0;
        var ended = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        site.Bmc.Fault = async http =>
        {
            Interlocked.Increment(ref asked);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ended.TrySetResult(true);
            return true;
        };
        database!.Renewing = () => throw new IOException("the disk is full");
        await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.DoneAsync(ended.Task, "the effect to be ended");
        Assert.Equal(1, asked);
    }
}
