using System.Diagnostics;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>The real program, killed with SIGKILL.</summary>
public sealed class KillTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Conductor_KilledInTheMiddleOfADeploy_GoesOnWithItAndWithItsFollowers()
    {
        // In-process up to the write; then the program takes over, dies, and comes back.
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Started);
        await site.Conductor.StopAsync();

        var following = new List<Event>();
        using var follower = site.Conductor.Connect();
        using (var first = Serve(site.Conductor))
        {
            await AnswersAsync(site, job);
            var follow = FollowAsync();
            await Until.TrueAsync(() => Task.FromResult(following.Count > 0), "the first events");
            first.Kill();
            await first.WaitForExitAsync(None);

            using var second = Serve(site.Conductor);
            try
            {
                await AnswersAsync(site, job);
                Assert.False((await site.Agent.BeatAsync(order.OrderId, OrderSteps.WriteImage)).Abort);
                await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done);
                await site.Agent.ReportAsync(order, OrderSteps.SetBootDisk, StepOutcome.Done);
                await site.Agent.ReportAsync(order, OrderSteps.Reboot, StepOutcome.Done);
                await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
                await site.Conductor.Operator.AbortJobAsync(job.Id, None);
                await Until.DoneAsync(follow, "the follower to see the end");
            }
            finally
            {
                second.Kill();
                await second.WaitForExitAsync(None);
            }
        }
        Assert.Equal([.. following.Select(one => one.Seq).Order().Distinct()], following.Where(one => one.Seq > 0).Select(one => one.Seq));
        Assert.Equal(EventKinds.JobFinished, following[^1].Kind);
        Assert.Equal(1, site.Bmc.Starts);

        async Task<bool> FollowAsync()
        {
            await foreach (var one in follower.FollowJobAsync(job.Id, 0, None))
                following.Add(one);
            return true;
        }
    }

    private static Task AnswersAsync(TestSite site, Job job) => Until.TrueAsync(
        async () =>
        {
            try
            {
                await site.Conductor.Operator.GetJobAsync(job.Id, None);
                return true;
            }
            catch (ProblemException e) when (e.Problem.Status == 0)
            {
                return false;
            }
        },
        "the conductor to answer");

    private static Process Serve(TestConductor conductor)
    {
        var settings = conductor.Settings;
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            ArgumentList = { Path.Combine(AppContext.BaseDirectory, "conductor.dll"), "serve" },
        };
        foreach (var (name, value) in new[]
        {
            ("stateDirectory", settings.StateDirectory), ("trustDirectory", settings.TrustDirectory), ("ramdiskDirectory", settings.RamdiskDirectory),
            ("listen", "127.0.0.1"), ("addresses", "127.0.0.1"), ("plainPort", $"{settings.PlainPort}"), ("tlsPort", $"{settings.TlsPort}"),
        })
        {
            start.ArgumentList.Add("--set");
            start.ArgumentList.Add($"{name}={value}");
        }
        return Process.Start(start)!;
    }
}
