using Baremetal.Api;
using Microsoft.AspNetCore.Builder;

namespace Baremetal.Cli.Tests.Jobs;

public sealed class JobCommandsTests
{
    [Fact]
    public async Task List_RunningAndEnded_IsATable()
    {
        var running = Samples.Deploying with { Id = "1", Step = "write-image", Attempt = 2, Created = CommandRun.Now.AddMinutes(-3) };
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Jobs, () =>
            TestConductor.Answer(new Page<Job>([running, Samples.Deployed, Samples.WriteFailed], null), ApiJson.Default.PageJob)));

        Assert.Equal(
            """
            JOB                                    NODE   KIND     AGE   STATE
            1                                      r7     deploy   3m    write-image (attempt 2)
            019bc14e-d400-7f59-9d0a-3c1f5b0f7a51   r7     deploy   0s    done
            019bc14e-d400-7f59-9d0a-3c1f5b0f7a51   r7     deploy   0s    failed at write-image (source-failed): Chunk 17 of the source differs from the signed index. Upload the image again.

            """,
            (await conductor.RunAsync("job", "list")).Succeeded());
    }

    [Fact]
    public async Task List_OfANodeInAState_AsksForThoseAlone()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Jobs, (string? node, string? state) =>
            TestConductor.Answer(new Page<Job>((node, state) is ("r7", "failed") ? [Samples.WriteFailed] : [], null), ApiJson.Default.PageJob)));

        Assert.Contains("failed at write-image", (await conductor.RunAsync("job", "list", "--node", "r7", "--state", "failed")).Succeeded(), StringComparison.Ordinal);
        Assert.Equal("There are no such jobs; 'conductor job list' shows all.\n", (await conductor.RunAsync("job", "list", "--state", "running")).Succeeded());
        (await conductor.RunAsync("job", "list", "--state", "well")).EndedWith(ExitCodes.WrongUsage);
    }

    [Fact]
    public async Task Show_Deployed_HasStepsAndCost()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Job, () => TestConductor.Answer(Samples.Deployed)));

        Assert.Equal(
            $"""
            Job:       {Samples.JobId}
            Does:      Deploying debian-12:1 to r7
            State:     done
            Node:      r7 (019bc14e-0000-7000-8000-000000000007)
            Started:   2026-01-15 12:00:00Z
            Ended:     2026-01-15 12:01:35Z, after 1 min 35 s
            Image:     debian-12:1
            Manifest:  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            Disk:      /dev/sda
            Hostname:  web7
            Cost:      1.2 GiB written and 6.8 GiB zeroed in 42 s, 412 MiB over the network
            Agent:     180 MiB of memory at most

            STEP          ATTEMPT   STARTED                TOOK    CAUSE
            prepare       1         2026-01-15 12:00:01Z   0.5 s   -
            write-image   1         2026-01-15 12:00:02Z   42 s    -

            """,
            (await conductor.RunAsync("job", "show", Samples.JobId)).Succeeded());
    }

    [Fact]
    public async Task Show_DeployedWithoutOneOfItsSources_SaysWhichAndWhy()
    {
        const string dropped = "http://10.0.0.9/image gave 12 KiB/s while http://10.0.0.8/image gave 85.0 MiB/s: it is not used.";
        var job = Samples.Deployed with { Result = Samples.Deployed.Result! with { DroppedSources = [dropped] } };
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Job, () => TestConductor.Answer(job)));

        Assert.Contains($"Dropped:   {dropped}", (await conductor.RunAsync("job", "show", Samples.JobId)).Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_Log_IsWhatEachBootTold()
    {
        var log = new JobLog(Samples.JobId, [new BootLog("boot-1", new DateTimeOffset(2026, 1, 15, 12, 0, 0, TimeSpan.Zero), "---- disks ----\nsda: 512 bytes\n")]);
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.JobLog, () => TestConductor.Answer(log, ApiJson.Default.JobLog)));

        Assert.Equal(
            """
            ==== boot boot-1, told 2026-01-15 12:00:00Z ====
            ---- disks ----
            sda: 512 bytes

            """,
            (await conductor.RunAsync("job", "show", Samples.JobId, "--log")).Succeeded());
    }

    [Fact]
    public async Task Abort_RunningJob_SaysHowToFollowIt()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.JobAbort, (string job) => TestConductor.Answer(Samples.Deploying with { Id = job })));

        Assert.Contains("is being stopped. Follow it: conductor job watch j1", (await conductor.RunAsync("job", "abort", "j1")).Succeeded(), StringComparison.Ordinal);
    }
}
