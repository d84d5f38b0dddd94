using System.Collections.Concurrent;
using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Jobs;

/// <summary>Waiting for a job: what is shown, how it ends, and a conductor that goes away meanwhile.</summary>
public sealed class JobFollowerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static Task<TestConductor> StartAsync(Job ended, params Event[] events) => TestConductor.StartAsync(app => Map(app, ended, events));

    private static void Map(WebApplication app, Job ended, params Event[] events)
    {
        app.MapPost(Routes.NodeDeployments, () => TestConductor.Answer(Samples.Deploying));
        app.MapPost(Routes.NodeAction, () => TestConductor.Answer(Samples.Deploying with { Kind = JobKind.Inspect, Deployment = null }));
        app.MapGet(Routes.JobEvents, (HttpContext context) => TestConductor.TellAsync(context, events));
        app.MapGet(Routes.Job, () => TestConductor.Answer(ended));
    }

    [Fact]
    public async Task Deploy_WaitInALog_IsALineForEachThing()
    {
        await using var conductor = await StartAsync(Samples.Deployed, Samples.DeployEvents);

        Assert.Equal(
            $"""
            Deploying debian-12:1 to r7, job {Samples.JobId}
            2026-01-15 12:00:01Z  prepare            started
            2026-01-15 12:00:01Z  prepare            done in 0.5 s
            2026-01-15 12:00:02Z  write-image        started
            2026-01-15 12:00:12Z  write-image        25%  2.0 of 8.0 GiB  200 MiB/s  0:30 left
            2026-01-15 12:00:32Z  write-image        75%  6.0 of 8.0 GiB  200 MiB/s  0:10 left
            2026-01-15 12:00:44Z  write-image        done in 42 s
            Done in 1 min 35 s: r7 runs debian-12:1.
            1.2 GiB written and 6.8 GiB zeroed in 42 s, 412 MiB over the network.

            """,
            (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--wait")).Succeeded());
    }

    [Fact]
    public async Task Deploy_WaitAndASourceWasDropped_EndsWithWhichAndWhy()
    {
        var job = Samples.Deployed with { Result = Samples.Deployed.Result! with { DroppedSources = ["http://10.0.0.9/image answered 404 Not Found."] } };
        await using var conductor = await StartAsync(job, Samples.DeployEvents);

        var output = (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--wait")).Succeeded();

        Assert.EndsWith("412 MiB over the network.\nSource dropped: http://10.0.0.9/image answered 404 Not Found.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_WaitOnATerminal_HasABarThatEachLineReplaces()
    {
        await using var conductor = await StartAsync(Samples.Deployed, Samples.DeployEvents);

        var output = (await CommandRun.Of(conductor.Operator with { Terminal = true }, "deploy", "r7", "--image", "debian-12", "--wait")).Succeeded();

        Assert.Contains("\e[?7l  write-image        [###..........]  25%  2.0 of 8.0 GiB  200 MiB/s  0:30 left\e[?7h\r\e[K", output, StringComparison.Ordinal);
        // What stays on the screen: whatever stands before an erasure is gone.
        var stays = output.Split('\n').Select(line => line[(line.LastIndexOf("\r\e[K", StringComparison.Ordinal) is var at and >= 0 ? at + 4 : 0)..]);
        Assert.Equal(
            $"""
            Deploying debian-12:1 to r7, job {Samples.JobId}
              prepare            0.5 s
              write-image        42 s
            Done in 1 min 35 s: r7 runs debian-12:1.
            1.2 GiB written and 6.8 GiB zeroed in 42 s, 412 MiB over the network.

            """,
            string.Join('\n', stays));
    }

    [Theory]
    [InlineData(false, "2026-01-15 12:00:01Z  prepare            hardware changed: memory 256 GiB → 192 GiB\n")]
    [InlineData(true, "  prepare            hardware changed: memory 256 GiB → 192 GiB\n")]
    public async Task Deploy_WaitWhileTheHardwareIsFoundChanged_SaysSoInALineThatStays(bool terminal, string expected)
    {
        var changed = new Event(0, EventKinds.NodeHardware, CommandRun.Now.AddSeconds(1), "r7", Samples.JobId, Text: "hardware changed: memory 256 GiB → 192 GiB");
        await using var conductor = await StartAsync(Samples.Deployed, [.. Samples.DeployEvents[..2], changed, .. Samples.DeployEvents[2..]]);

        var output = (await CommandRun.Of(conductor.Operator with { Terminal = terminal }, "deploy", "r7", "--image", "debian-12", "--wait")).Succeeded();

        Assert.Contains(expected, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_ProgressHasAMap_DrawsTheDiskAndSaysOnceWhatItsSignsMean()
    {
        var events = Samples.DeployEvents.Select(told => told.Progress is { } progress ? told with { Progress = progress with { Phase = ProgressPhase.Writing, Map = "WWZw." } } : told).ToArray();
        await using var conductor = await StartAsync(Samples.Deployed, events);

        var output = (await CommandRun.Of(conductor.Operator with { Terminal = true }, "deploy", "r7", "--image", "debian-12", "--wait")).Succeeded();

        Assert.Contains("write-image        [##0+.] writing  25%", output, StringComparison.Ordinal);
        Assert.Equal(2, output.Split("Disk: . untouched").Length);
    }

    [Fact]
    public async Task Watch_SeveralDisksAtOnce_SaysHowFarEachIs()
    {
        DiskProgress[] disks = [new("sda", 4L << 30, 8L << 30, 100 << 20, ProgressPhase.Zeroing), new("sdb", 2L << 30, 8L << 30, 50 << 20, ProgressPhase.Zeroing), new("sdc", 0, 8L << 30, 0)];
        Event[] events =
        [
            new(4, EventKinds.StepStarted, Samples.DeployEvents[0].At, "r7", Samples.JobId, "erase"),
            new(0, EventKinds.Progress, Samples.DeployEvents[0].At.AddSeconds(12), "r7", Samples.JobId, "erase", Progress: new Progress(6L << 30, 24L << 30, 0, 150 << 20, ProgressPhase.Zeroing, Disks: disks)),
            Samples.DeployEvents[^1],
        ];
        await using var conductor = await StartAsync(Samples.Deployed, events);

        var output = (await conductor.RunAsync("job", "watch", Samples.JobId)).Succeeded();

        Assert.Contains("erase              sda zeroing  50%  4.0 of 8.0 GiB  100 MiB/s  0:40 left\n", output, StringComparison.Ordinal);
        Assert.Contains("erase              sdb zeroing  25%  2.0 of 8.0 GiB  50.0 MiB/s  2:02 left\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("sdc", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_WaitAndJson_IsTheEndedJobAlone()
    {
        await using var conductor = await StartAsync(Samples.Deployed, Samples.DeployEvents);

        var job = JsonSerializer.Deserialize((await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--wait", "--output", "json")).Succeeded(), ApiJson.Default.Job);

        Assert.Equal(JobOutcome.Done, job!.Outcome);
    }

    [Fact]
    public async Task Deploy_JobFails_ExitsWithOneAndTheCause()
    {
        await using var conductor = await StartAsync(
            Samples.WriteFailed,
            Samples.DeployEvents[3],
            new Event(5, EventKinds.StepEnded, CommandRun.Now.AddSeconds(10), "r7", Samples.JobId, "write-image", Samples.WriteFailed.Cause),
            new Event(6, EventKinds.JobFinished, CommandRun.Now.AddSeconds(10), "r7", Samples.JobId, Text: "failed"));

        var error = (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--wait")).EndedWith(ExitCodes.Failed);

        Assert.Contains("Deploying debian-12:1 to r7 failed at write-image (source-failed): Chunk 17 of the source differs from the signed index. Upload the image again.", error, StringComparison.Ordinal);
        Assert.Contains($"conductor job show {Samples.JobId}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_JobAborted_ExitsWithOne()
    {
        await using var conductor = await StartAsync(Samples.Deploying with { Outcome = JobOutcome.Aborted }, Samples.DeployEvents[^1]);

        Assert.Contains("was aborted", (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--wait")).EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_Wait_PointsToTheInventory()
    {
        await using var conductor = await StartAsync(Samples.Deployed with { Kind = JobKind.Inspect, Deployment = null, Result = null }, Samples.DeployEvents[^1]);

        var output = (await conductor.RunAsync("node", "inspect", "r7", "--wait")).Succeeded();

        Assert.Contains("conductor node show r7", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_ConductorRestarts_TellsEachStoredEventOnce()
    {
        var resumedFrom = new ConcurrentQueue<string>();
        var told = new TaskCompletionSource();
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.JobEvents, async (HttpContext context) =>
        {
            await TestConductor.TellAsync(context, Samples.DeployEvents[..5]);
            told.SetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }));
        var output = new WatchedWriter("25%");
        var watching = CommandRun.Of(conductor.Operator with { Output = output }, "job", "watch", Samples.JobId);
        await told.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
        // A reset drops what is still under way, so the command must have read it first.
        await output.Seen.WaitAsync(Patience, TestContext.Current.CancellationToken);

        await conductor.StartAgainAsync(app =>
        {
            app.MapGet(Routes.JobEvents, (HttpContext context) =>
            {
                resumedFrom.Enqueue(context.Request.Headers["Last-Event-ID"].ToString());
                return TestConductor.TellAsync(context, Samples.DeployEvents[5..]);
            });
            app.MapGet(Routes.Job, () => TestConductor.Answer(Samples.Deployed));
        });

        var lines = (await watching).Succeeded().Split('\n').Where(line => !line.Contains("asking again", StringComparison.Ordinal)).ToArray();
        Assert.Equal(["4"], resumedFrom);
        Assert.Single(lines, line => line.EndsWith("write-image        started", StringComparison.Ordinal));
        Assert.Single(lines, line => line.EndsWith("write-image        done in 42 s", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Watch_ConductorAwayAtTheVeryEnd_AsksUntilItIsBack()
    {
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapGet(Routes.JobEvents, (HttpContext context) => TestConductor.TellAsync(context, Samples.DeployEvents));
            // It goes away before it can say how the job ended.
            app.MapGet(Routes.Job, (HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted));
        });
        var output = new WatchedWriter("write-image        done");
        var watching = CommandRun.Of(conductor.Operator with { Output = output }, "job", "watch", Samples.JobId);
        await output.Seen.WaitAsync(Patience, TestContext.Current.CancellationToken);

        await conductor.StopAsync();
        await conductor.StartAgainAsync(app => Map(app, Samples.Deployed, Samples.DeployEvents));

        (await watching).Succeeded();
    }

    [Fact]
    public async Task Watch_Json_IsAnEventALine()
    {
        await using var conductor = await StartAsync(Samples.Deployed, Samples.DeployEvents);

        var lines = (await conductor.RunAsync("job", "watch", Samples.JobId, "--output", "json")).Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(Samples.DeployEvents, lines.Select(line => JsonSerializer.Deserialize(line, ApiJson.Default.Event)));
    }

    [Theory]
    [InlineData(false, "2026-01-15 12:00:00Z  prepare            waiting for an operator to switch the machine on and choose network boot\n")]
    [InlineData(true, "  prepare            waiting for an operator to switch the machine on and choose\n                     network boot\n")]
    public async Task Watch_StepWaitsForSomebody_SaysForWhatInFull(bool terminal, string expected)
    {
        const string Somebody = "an operator to switch the machine on and choose network boot";
        var output = new WatchedWriter(expected);
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapGet(Routes.JobEvents, async (HttpContext context) =>
            {
                await TestConductor.TellAsync(context, Samples.DeployEvents[1]);
                await output.Seen.WaitAsync(Patience, context.RequestAborted);
                await TestConductor.TellAsync(context, Samples.DeployEvents[^1]);
            });
            app.MapGet(Routes.Job, () => TestConductor.Answer(output.Seen.IsCompleted ? Samples.Deployed : Samples.Deploying with { WaitingFor = Somebody }));
        });

        (await CommandRun.Of(conductor.Operator with { Output = output, Terminal = terminal }, "job", "watch", Samples.JobId)).Succeeded();
    }

    [Fact]
    public async Task Watch_Interrupted_SaysThatTheJobGoesOn()
    {
        using var interrupt = new CancellationTokenSource();
        var output = new WatchedWriter("started");
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.JobEvents, async (HttpContext context) =>
        {
            await TestConductor.TellAsync(context, Samples.DeployEvents[1]);
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }));
        var watching = CommandRun.Of(conductor.Operator with { Output = output, Cancel = interrupt.Token }, "job", "watch", Samples.JobId);
        await output.Seen.WaitAsync(Patience, TestContext.Current.CancellationToken);

        await interrupt.CancelAsync();

        var error = (await watching).EndedWith(ExitCodes.Interrupted);
        Assert.Contains($"Job {Samples.JobId} is no longer watched; it goes on.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_UnknownJob_IsNotFound()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.JobEvents, () => TestConductor.Refuse(404, "There is no job 'x'.")));

        (await conductor.RunAsync("job", "watch", "x")).EndedWith(ExitCodes.NotFound);
    }
}
