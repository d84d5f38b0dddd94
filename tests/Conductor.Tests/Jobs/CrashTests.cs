using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>The conductor dies at every commit of an inspection and a deploy, and the next process goes on from what is on the disk.</summary>
public sealed class CrashTests
{
    private const string Mac = "52:54:00:00:00:01";
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Jobs_ConductorDiesAtAnyCommit_EndWellAllTheSame(bool afterTheCommit)
    {
        var commit = 1;
        while (await DiesAndEndsWellAsync(commit))
            commit++;
        Assert.True(commit > 25, $"the two jobs took only {commit} commits");

        async Task<bool> DiesAndEndsWellAsync(int number)
        {
            try
            {
                return await RunAsync(number, afterTheCommit);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"died {(afterTheCommit ? "after" : "before")} commit {number}", e);
            }
        }
    }

    /// <summary>False when the jobs ended before that commit came.</summary>
    private static async Task<bool> RunAsync(int commit, bool afterTheCommit)
    {
        DyingDatabase? dying = null;
        await using var conductor = await TestConductor.StartAsync(database: real => dying = new DyingDatabase(real, commit, afterTheCommit));
        await using var bmc = await TestBmc.StartAsync();
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", Mac, bmc.Power), None);
        using var machine = new ScriptedMachine(conductor, Mac);
        bmc.Started = machine.Start;
        bmc.Stopped = machine.StopAsync;

        dying!.Counting = true;
        using var end = new CancellationTokenSource();
        var watch = WatchAsync();
        await RunJobAsync(conductor, machine, () => conductor.Operator.InspectAsync("n1", None));
        await ScriptedMachine.TryAsync(() => ApproveAsync(conductor));
        var deploy = await RunJobAsync(conductor, machine, () => conductor.Operator.DeployAsync("n1", new DeployNode("debian", Hostname: "web"), None));
        // The machine and the worker go on committing. Nothing dies of that any more, and a death that is on its way is still followed by a start.
        dying.Counting = false;
        await ScriptedMachine.TryAsync(async () => Assert.Equal(NodeState.Active, (await conductor.Operator.GetNodeAsync("n1", None)).State));
        await end.CancelAsync();
        await watch;
        await machine.StopAsync();

        Assert.Equal((JobOutcome.Done, null), (deploy.Outcome, deploy.Cause));
        Assert.Equal(1, machine.Writes);
        Assert.InRange(bmc.Starts, 1, 2);
        return dying.Died.Task.IsCompleted;

        // The next process, when the first has died. The lease of the dead ends before that: were it the own one, two would switch the machine.
        async Task WatchAsync()
        {
            await Task.WhenAny(dying.Died.Task, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, end.Token));
            if (!dying.Died.Task.IsCompleted)
                return;
            await conductor.StopAsync();
            conductor.Clock.Jump(TimeSpan.FromSeconds(16));
            await conductor.RestartAsync();
        }
    }

    /// <summary>Asks as an operator does: again, until it is answered, with the same key.</summary>
    private static async Task<Job> RunJobAsync(TestConductor conductor, ScriptedMachine machine, Func<Task<Job>> start)
    {
        Job? job = null;
        await Until.TrueAsync(
            async () =>
            {
                try
                {
                    job ??= await start();
                    job = await conductor.Operator.GetJobAsync(job.Id, None);
                    return job.Finished is not null;
                }
                catch (ProblemException e) when (e.Problem.Status is 0 or >= 500)
                {
                    return false;
                }
                catch (ProblemException e) when (e.Problem.Status == 409)
                {
                    // The answer was lost, the job was not.
                    await foreach (var running in conductor.Operator.ListJobsAsync(None))
                    {
                        job = running;
                        break;
                    }
                    return false;
                }
            },
            () => $"the end of {job} ({string.Join(", ", job?.Steps.Select(step => $"{step.Name} {step.Ended}") ?? [])}); the machine {machine.Doing}");
        return job!;
    }

    private static async Task ApproveAsync(TestConductor conductor)
    {
        if ((await conductor.Operator.GetNodeAsync("n1", None)).State == NodeState.Enrolled)
            await conductor.Operator.ApproveAsync("n1", None);
    }
}
