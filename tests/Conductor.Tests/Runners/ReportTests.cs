using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Runners;

public sealed class ReportTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly DateTimeOffset Then = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static async Task<(TestConductor, TestRunner, Vm)> WithVmAsync()
    {
        var conductor = await TestConductor.StartAsync();
        var runner = await TestRunner.StartAsync(conductor);
        return (conductor, runner, await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("web", TestRunner.Image), None));
    }

    private static List<(string Kind, string Text)> Events(TestConductor conductor) =>
        conductor.Database.Read(sql => sql.Query<(string, string)>("SELECT kind, text FROM events WHERE kind LIKE 'runner.%' OR kind LIKE 'vm.%' ORDER BY seq").AsList());

    [Fact]
    public async Task Runner_IsReadyThenLostThenReadyAgain()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var shown = await conductor.Operator.GetRunnerAsync("kvm1", None);
        Assert.Equal((RunnerState.Ready, "127.0.0.1", "test", 4096), (shown.State, shown.Address, shown.Version, shown.Capacity!.MemoryMb));
        Assert.Equal(TestRunner.AllWell, shown.Preflight);
        conductor.Clock.Jump(TimeSpan.FromSeconds(61));
        Assert.Equal(RunnerState.Lost, (await conductor.Operator.GetRunnerAsync("kvm1", None)).State);
        await runner.ReportAsync(0);
        Assert.Equal(RunnerState.Ready, (await conductor.Operator.GetRunnerAsync("kvm1", None)).State);
    }

    [Fact]
    public async Task Runner_ThatCouldNotBeHeard_IsNotLost()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await conductor.StopAsync();
        conductor.Clock.Jump(TimeSpan.FromHours(1));
        await conductor.RestartAsync();
        Assert.Equal(RunnerState.Ready, (await conductor.Operator.GetRunnerAsync("kvm1", None)).State);
    }

    [Fact]
    public async Task Report_ThatSaysNothingNew_WritesNothingButASignOfLifeNowAndThen()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        await runner.ObeyAsync();
        var revision = (await runner.OrdersAsync()).Revision;
        var same = new VmReport(vm.Id, 1, VmState.Running, Then, Address: "10.88.0.7", Mac: "52:54:00:aa:bb:01", Accelerator: "kvm");
        await runner.ReportAsync(revision, same);
        var commits = 0;
        conductor.Database.Changed += (_, _) => Interlocked.Increment(ref commits);
        for (var number = 0; number < 5; number++)
            await runner.ReportAsync(revision, TestRunner.AllWell, TestRunner.Capacity with { DiskFreeBytes = number }, [same]);
        Assert.Equal(0, commits);
        var seen = (await conductor.Operator.GetRunnerAsync("kvm1", None)).LastSeen;
        conductor.Clock.Jump(TimeSpan.FromSeconds(20));
        await runner.ReportAsync(revision, TestRunner.AllWell, TestRunner.Capacity with { DiskFreeBytes = 17 }, [same]);
        Assert.Equal(1, commits);
        var shown = await conductor.Operator.GetRunnerAsync("kvm1", None);
        Assert.True(shown.LastSeen >= seen + TimeSpan.FromSeconds(20));
        Assert.Equal(17, shown.Capacity!.DiskFreeBytes);
    }

    [Fact]
    public async Task Events_TellStatesAndNoProgress()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        foreach (var percent in new[] { "10%", "50%", "90%" })
            await runner.ReportAsync(1, new VmReport(vm.Id, 1, VmState.Pulling, Then, percent));
        await runner.ReportAsync(1, new VmReport(vm.Id, 1, VmState.Failed, Then, "The image has two disks."));
        await runner.ReportAsync(1, [new PreflightCheck("kvm", false, "There is no /dev/kvm.")]);
        await conductor.Operator.DeleteVmAsync("kvm1", "web", force: false, None);
        await runner.ReportAsync(2, new VmReport(vm.Id, 1, VmState.Deleting, Then, IsGone: true));
        Assert.Equal(
            [
                (EventKinds.RunnerJoined, "runner kvm1 joined from 127.0.0.1"),
                (EventKinds.RunnerState, "runner kvm1: ready"),
                (EventKinds.VmState, "VM kvm1/web: pending"),
                (EventKinds.VmState, "VM kvm1/web: pulling: 10%"),
                (EventKinds.VmState, "VM kvm1/web: failed: The image has two disks."),
                (EventKinds.RunnerState, "runner kvm1: not-ready: kvm: There is no /dev/kvm."),
                (EventKinds.VmState, "VM kvm1/web: shall be deleted"),
                (EventKinds.RunnerState, "runner kvm1: ready"),
                (EventKinds.VmState, "VM kvm1/web: deleted"),
            ],
            Events(conductor));
    }

    [Fact]
    public async Task Events_OfARunnerThatSaysSomethingElseEachTime_AreBounded()
    {
        var (conductor, runner, _) = await WithVmAsync();
        await using var _c = conductor;
        using var _r = runner;
        for (var number = 0; number < 1200; number++)
            await runner.ReportAsync(0, [new PreflightCheck("kvm", number % 2 == 0, "It changes.")]);
        Assert.InRange(Events(conductor).Count, 900, 1150);
    }

    [Fact]
    public async Task Report_OfVmsThatAreNotItsOwn_ChangesNothing()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        using var other = await TestRunner.StartAsync(conductor, "kvm2");
        await other.ReportAsync(0, new VmReport(vm.Id, 1, VmState.Failed, Then, "I say so", IsGone: true), new VmReport("nothing", 1, VmState.Running, Then));
        Assert.Equal(VmState.Pending, (await conductor.Operator.GetVmAsync("kvm1", "web", None)).State);
    }

    [Fact]
    public async Task Report_ThatAVmIsGoneWhichNobodyDeleted_ShowsItFailed()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        await runner.ReportAsync(1, new VmReport(vm.Id, 1, VmState.Stopped, Then, IsGone: true));
        var shown = await conductor.Operator.GetVmAsync("kvm1", "web", None);
        Assert.Equal(VmState.Failed, shown.State);
        Assert.Contains("nobody here deleted it", shown.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_OfAFailedPullUnderTheRunBefore_IsAFailureOnceTheOrderIsKnown()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        await runner.ReportAsync(0, new VmReport(vm.Id, 0, VmState.Failed, Then, "of earlier"));
        Assert.Equal(VmState.Starting, (await conductor.Operator.GetVmAsync("kvm1", "web", None)).State);
        await runner.ReportAsync(1, new VmReport(vm.Id, 0, VmState.Failed, Then, "The registry knows no such image."));
        Assert.Equal((VmState.Failed, "The registry knows no such image."), (await conductor.Operator.GetVmAsync("kvm1", "web", None)) is var shown ? (shown.State, shown.Cause) : default);
    }

    [Fact]
    public async Task Report_WithTimesAndRevisionsOfAnotherWorld_IsTakenForNow()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        await runner.ReportAsync(long.MaxValue, new VmReport(vm.Id, 1, VmState.Running, DateTimeOffset.MaxValue));
        var shown = await conductor.Operator.GetVmAsync("kvm1", "web", None);
        Assert.InRange(shown.Since, shown.CreatedAt, conductor.Clock.GetUtcNow());
        // An order that is given now is none that it knows already.
        await conductor.Operator.OrderVmAsync("kvm1", "web", VmActions.Restart, None);
        Assert.Equal(VmState.Starting, (await conductor.Operator.GetVmAsync("kvm1", "web", None)).State);
    }

    private static string[] TooMuch()
    {
        var vms = Enumerable.Range(0, 1001).Select(number => $$"""{"id":"{{number}}","run":1,"state":"running","since":"2026-01-01T00:00:00Z"}""");
        return
        [
            Report(vms: string.Join(',', vms)),
            Report(vms: "null"),
            Report(vms: $$"""{"id":"{{new string('x', 129)}}","run":1,"state":"running","since":"2026-01-01T00:00:00Z"}"""),
            Report(vms: """{"id":"a","run":-1,"state":"running","since":"2026-01-01T00:00:00Z"}"""),
            Report(vms: """{"id":"a","run":1,"state":"sleepy","since":"2026-01-01T00:00:00Z"}"""),
            Report(preflight: string.Join(',', Enumerable.Repeat("""{"name":"kvm","passed":true,"finding":"f"}""", 65))),
            Report(preflight: "null"),
            Report(preflight: """{"name":"kvm","passed":true}"""),
            Report(networks: string.Join(',', Enumerable.Repeat("\"n\"", 257))),
            Report(networks: "null"),
            Report(version: new string('v', 129)),
            Report(memory: "-1"),
            "{}",
        ];
    }

    private static string Report(string vms = "", string preflight = "", string networks = "", string version = "1", string memory = "1") =>
        $$"""{"version":"{{version}}","revision":0,"capacity":{"processors":1,"memoryMb":{{memory}},"diskBytes":1,"diskFreeBytes":1,"accelerator":"kvm","engine":"e","networks":[{{networks}}]},"preflight":[{{preflight}}],"vms":[{{vms}}]}""";

    [Fact]
    public async Task Report_OfTooMuchOrOfNothing_IsRefused()
    {
        var (conductor, runner, vm) = await WithVmAsync();
        await using var _ = conductor;
        using var __ = runner;
        using var ca = conductor.Certificate();
        using var http = new HttpClient(Baremetal.Api.Client.PinnedHttp.Handler(ca, Baremetal.Api.Client.CertificateTimes.Ignored, runner.CertificateOf(runner.Identity!.Certificate))) { BaseAddress = conductor.TlsUrl };
        foreach (var report in TooMuch())
        {
            using var body = new StringContent(report, System.Text.Encoding.UTF8, "application/json");
            using var answer = await http.PostAsync(Routes.RunnerReport, body, None);
            Assert.True((int)answer.StatusCode == 400, $"{(int)answer.StatusCode} for {report[..Math.Min(300, report.Length)]}");
        }
        // Asked first, so that the refusal is read.
        http.DefaultRequestHeaders.ExpectContinue = true;
        using var huge = new StringContent(new string(' ', 7 << 20), System.Text.Encoding.UTF8, "application/json");
        using var tooLarge = await http.PostAsync(Routes.RunnerReport, huge, None);
        Assert.Equal(413, (int)tooLarge.StatusCode);

        // What people read is cut, and not refused.
        await runner.ReportAsync(1, new VmReport(vm.Id, 1, VmState.Failed, Then, new string('c', VmReport.LongestCause + 100)));
        Assert.Equal(VmReport.LongestCause + 1, (await conductor.Operator.GetVmAsync("kvm1", "web", None)).Cause!.Length);
    }
}
