using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>More machines to switch than are switched at one time.</summary>
public sealed class CrowdTests
{
    private const int Places = 16;

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Job_WhileAllPlacesAreTaken_SaysWhatItWaitsForAndCanBeAborted()
    {
        await using var site = await TestSite.StartAsync();
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var taken = 0;
        site.Bmc.Fault = async http =>
        {
            Interlocked.Increment(ref taken);
            await goOn.Task;
            return false;
        };
        for (var number = 2; number <= Places + 1; number++)
            await site.Conductor.Operator.EnrolNodeAsync(new EnrolNode($"n{number}", $"52:54:00:00:00:{number:x2}", site.Bmc.Power with { Address = $"{site.Bmc.Url}/redfish/v1/Systems/{number}" }), None);
        for (var number = 1; number <= Places; number++)
            await site.Conductor.Operator.InspectAsync($"n{number}", None);
        await Until.TrueAsync(() => Task.FromResult(taken == Places), "all places to be taken");

        var job = await site.Conductor.Operator.InspectAsync($"n{Places + 1}", None);
        await Until.JobAsync(site.Conductor.Operator, job.Id, one => one.WaitingFor?.Contains("a free place", StringComparison.Ordinal) == true, "the job to say what it waits for");
        await site.Conductor.Operator.AbortJobAsync(job.Id, None);
        Assert.Equal(JobOutcome.Aborted, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);

        job = await site.Conductor.Operator.InspectAsync($"n{Places + 1}", None);
        goOn.SetResult();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
    }
}
