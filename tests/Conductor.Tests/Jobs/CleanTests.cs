using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Jobs;

public sealed class CleanTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly Disk Second = TestAgent.OneDisk with { Name = "vdb", Serial = "disk-2", ByPath = "virtio-pci-0000:00:05.0" };
    private static readonly Disk Locked = TestAgent.OneDisk with { Name = "vdc", Serial = "disk-3", ReadOnly = true };

    [Fact]
    public async Task Clean_AnAvailableNode_OrdersAllDisksThatCanBeWrittenAndReports()
    {
        await using var site = await TestSite.StartAvailableAsync(TestAgent.OneDisk, Second, Locked);

        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(CleanDepth.Zero), None);
        var order = await site.OrderAsync();

        Assert.Equal(NodeState.Cleaning, (await site.NodeAsync()).State);
        Assert.Equal(["erase"], order.Steps.Select(step => step.Name));
        Assert.Equal(("zero", "disk-1,disk-2"), (order.Erase!.Depth, string.Join(',', order.Erase.Disks.Select(disk => disk.Serial))));
        Assert.Equal((null, null), (order.Target, order.ManifestSha256));
        ErasedDisk[] erased = [new("vda", "disk-1", 100, 100, 0, 256), new("vdb", "disk-2", 100, 100, 0, 256)];
        await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Done, erased: erased);

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Done, null), (job.Outcome, job.Cause));
        Assert.Equal((CleanDepth.Zero, "vda,vdb"), (job.Cleaning!.Depth, string.Join(',', job.Cleaning.Disks!)));
        Assert.Equal(
            [.. erased, new ErasedDisk("vdc", "disk-3", Locked.SizeBytes, 0, Locked.SizeBytes, 0, "it is read-only, and was left as it is", Locked.Wwn, Locked.ByPath)],
            job.Cleaning.Report!);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
        // The agent is still there, and the machine was not started for it.
        Assert.Equal(1, site.Bmc.Starts);
    }

    [Fact]
    public async Task Clean_OneDiskByItsHint_OrdersThatAlone()
    {
        await using var site = await TestSite.StartAvailableAsync(TestAgent.OneDisk, Second);

        await site.Conductor.Operator.CleanAsync("n1", new CleanNode(CleanDepth.Discard, new RootDeviceHints(Serial: "disk-2")), None);

        var order = await site.OrderAsync();
        Assert.Equal(("discard", "disk-2"), (order.Erase!.Depth, Assert.Single(order.Erase.Disks).Serial));
    }

    [Fact]
    public async Task Clean_WithFallback_OrdersTheDepthsInTheirOrderAndTellsWhichErasedWhat()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(CleanDepth.Secure, Fallback: [CleanDepth.Discard, CleanDepth.Zero]), None);

        var order = await site.OrderAsync();
        Assert.Equal("secure,discard,zero", string.Join(',', order.Erase!.Fallback!.Prepend(order.Erase.Depth)));
        await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Done, erased: [new ErasedDisk("vda", "disk-1", 100, 100, 0, 4, Method: "zero", FellBack: "secure: it cannot")]);

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal("Discard,Zero", string.Join(',', job.Cleaning!.Fallback!));
        Assert.Equal(("zero", "secure: it cannot"), (job.Cleaning.Report![0].Method, job.Cleaning.Report[0].FellBack));
    }

    [Fact]
    public async Task Clean_WithADepthTwice_IsRefused()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var problem = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.CleanAsync("n1", new CleanNode(CleanDepth.Secure, Fallback: [CleanDepth.Zero, CleanDepth.Secure]), None));
        Assert.Contains("The cleaning names a depth twice.", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clean_OfADiskThatTellsNothing_LastsAsLongAsItMayBeSilent()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(CleanDepth.Secure), None);
        await site.OrderAsync();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.Erase);
        var began = (await site.Conductor.Operator.GetJobAsync(job.Id, None)).StepStarted;

        Assert.InRange((await SilenceAsync(36000))!.Value, TimeSpan.FromHours(10), TimeSpan.FromHours(11));
        // However much it wishes for.
        Assert.Equal(TimeSpan.FromDays(4), await SilenceAsync(long.MaxValue));
        Assert.Null(await SilenceAsync(0));

        async Task<TimeSpan?> SilenceAsync(long seconds)
        {
            await site.Agent.BeatAsync(job.Id, OrderSteps.Erase, new Progress(0, 100, 0, 0, ProgressPhase.Erasing, SilentSeconds: seconds));
            return site.Conductor.Database.Read(sql => sql.QuerySingle<long?>("SELECT silent_until FROM jobs WHERE id = @Id", new { job.Id })) is { } until ? DateTimeOffset.FromUnixTimeMilliseconds(until) - began : null;
        }
    }

    [Fact]
    public async Task Release_AnActiveNode_IsErasedAndAvailableWithoutItsImage()
    {
        await using var site = await TestSite.StartAvailableAsync();
        site.Conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET state = 'Active', image = 'debian:12'"));

        var job = await site.Conductor.Operator.ReleaseAsync("n1", new CleanNode(), None);
        var order = await site.OrderAsync();
        await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Done, erased: [new ErasedDisk("vda", "disk-1", 100, 8, 0, 4)]);
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);

        var node = await site.NodeAsync();
        Assert.Equal((NodeState.Available, null), (node.State, node.Image));
    }

    [Fact]
    public async Task Clean_ThatFails_LeavesTheNodeFailedWithTheReportOfWhatWasErased()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None);
        var order = await site.OrderAsync();

        await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Failed, "vda was not erased whole.", erased: [new ErasedDisk("vda", "disk-1", 100, 60, 40, 4)]);

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Failed, "vda was not erased whole."), (job.Outcome, job.Cause));
        Assert.Equal(40, Assert.Single(job.Cleaning!.Report!).FailedBytes);
        Assert.Equal(NodeState.Failed, (await site.NodeAsync()).State);
    }

    [Fact]
    public async Task Report_OfDisksThatWereNotOrderedOrAtGreatLength_IsCut()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None);
        var order = await site.OrderAsync();

        foreach (var serial in new[] { "made-up-1", "made-up-2", "disk-1" })
        {
            await site.Agent.ReportAsync(
                order, OrderSteps.Erase, serial == "disk-1" ? StepOutcome.Failed : StepOutcome.Started, new string('c', 100_000), erased: [new ErasedDisk("vda", serial, 100, 60, 40, 4, new string('f', 100_000))]);
        }

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal(StepReport.LongestCause + 1, job.Cause!.Length);
        var told = Assert.Single(job.Cleaning!.Report!);
        Assert.Equal(("disk-1", 1025), (told.Serial, told.Failure!.Length));
    }

    [Fact]
    public async Task Clean_WhileItsAgentFallsSilent_IsBegunAnewWithAnotherBoot()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None);
        await site.OrderAsync();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.Erase);

        await site.Conductor.PassAsync(TimeSpan.FromMinutes(2));

        await Until.JobAsync(site.Conductor.Operator, job.Id, seen => seen.Attempt == 2, "the second attempt");
        await site.BootAgentAsync(job);
        var order = await site.OrderAsync();
        Assert.Equal(2, order.Attempt);
        await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Done);
        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
    }

    [Fact]
    public async Task Clean_CutInTheMiddle_OrdersTheNextStartToLeaveWhatIsDone()
    {
        var nameless = Second with { Name = "vdc", Serial = null, ByPath = "virtio-pci-0000:00:06.0" };
        await using var site = await TestSite.StartAvailableAsync(TestAgent.OneDisk, Second, nameless);
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(CleanDepth.Zero), None);
        var order = await site.OrderAsync();
        Assert.Null(order.Erase!.Done);
        ErasedDisk first = new("vda", "disk-1", TestAgent.OneDisk.SizeBytes, TestAgent.OneDisk.SizeBytes, 0, 256, ByPath: TestAgent.OneDisk.ByPath);
        ErasedDisk failed = new("vdb", "disk-2", Second.SizeBytes, 0, 100, 0, "it is in use", ByPath: Second.ByPath);
        ErasedDisk unknown = new("vdc", null, nameless.SizeBytes, nameless.SizeBytes, 0, 256, ByPath: nameless.ByPath);
        foreach (var report in new[] { first, failed, unknown })
            await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Started, erased: [report]);

        site.Agent.RestartProcess();
        order = await site.OrderAsync();
        Assert.Equal("disk-1", Assert.Single(order.Erase!.Done!).Serial);
        Assert.Equal(3, order.Erase.Disks.Length);
        var second = failed with { ErasedBytes = Second.SizeBytes, FailedBytes = 0, Failure = null };
        await site.Agent.ReportAsync(order, OrderSteps.Erase, StepOutcome.Done, erased: [second, unknown]);

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal([first, second, unknown], job.Cleaning!.Report!);
    }

    [Fact]
    public async Task Progress_ThatMoves_IsWrittenDownAndThatStandsStillIsNot()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None);
        await site.OrderAsync();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.Erase);

        var first = await AfterBeatsAsync(done => new Progress(done, 100, 0, 0, ProgressPhase.Zeroing));
        var second = await AfterBeatsAsync(done => new Progress(7, 100, 0, done, ProgressPhase.Zeroing, Disks: [new DiskProgress("vda", done, 100, 0)]));
        var third = await AfterBeatsAsync(done => new Progress(7, 100, 0, done, ProgressPhase.Zeroing));
        Assert.NotNull(first);
        Assert.True(second > first, "A disk of several came on, and it was not noticed.");
        Assert.True((await AfterBeatsAsync(done => new Progress(7, 100, 0, done, ProgressPhase.Zeroing))) == third, "Only the rate changed, and it was taken for progress.");

        // Longer than the word on it is kept for.
        async Task<long?> AfterBeatsAsync(Func<int, Progress> progress)
        {
            for (var done = 1; done <= 6; done++)
            {
                await site.Conductor.PassAsync(TimeSpan.FromSeconds(40));
                await site.Agent.BeatAsync(job.Id, OrderSteps.Erase, progress(done));
            }
            return site.Conductor.Database.Read(sql => sql.QuerySingle<long?>("SELECT progressed FROM jobs WHERE id = @Id", new { job.Id }));
        }
    }

    [Theory]
    [InlineData(NodeState.Enrolled, false)]
    [InlineData(NodeState.Failed, false)]
    [InlineData(NodeState.Active, false)]
    [InlineData(NodeState.Available, true)]
    public async Task CleanAndRelease_InAnotherState_AreRefused(NodeState state, bool release)
    {
        await using var site = await TestSite.StartAvailableAsync();
        site.Conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET state = @state", new { state = state.ToString() }));

        var problem = (await Assert.ThrowsAsync<ProblemException>(() => release
            ? site.Conductor.Operator.ReleaseAsync("n1", new CleanNode(), None)
            : site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None))).Problem;

        Assert.Equal((409, "urn:baremetal:problem:state-forbids"), (problem.Status, problem.Type));
    }

    [Fact]
    public async Task Clean_OfAProtectedNodeOrAnUnknownDisk_IsRefusedBeforeAnythingBegins()
    {
        await using var site = await TestSite.StartAvailableAsync();
        Assert.Equal(422, (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.CleanAsync("n1", new CleanNode(Disk: new RootDeviceHints(Serial: "nope")), None))).Problem.Status);
        await site.Conductor.Operator.ProtectAsync("n1", None);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None))).Problem.Status);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }
}
