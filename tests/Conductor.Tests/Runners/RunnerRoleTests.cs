using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.Runners;

/// <summary>A node that is deployed to be a runner, up to what its first boot does or fails at.</summary>
public sealed partial class RunnerRoleTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly DeployNode AsRunner = new("debian", Role: NodeRole.Runner);

    [Fact]
    public async Task Deploy_OfARunner_EndsOnceItHasJoinedWithAllThatVmsNeed()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, script) = await WriteAsync(site);
        var package = await site.Conductor.Plain.GetByteArrayAsync(new Uri(Routes.RunnerPackage, UriKind.Relative), None);
        Assert.Equal(Value(script, "sha256"), Digest.Of(package).ToString());
        site.SeeSystem();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForRunner);

        using var runner = new TestRunner(site.Conductor);
        await runner.JoinAsync(Value(script, "token"), hostName: "localhost");
        await runner.ReportAsync(0, [new PreflightCheck("kvm", false, "There is no /dev/kvm.", "Switch it on.")]);
        await Until.TrueAsync(async () => (await site.Conductor.Operator.GetJobAsync(job.Id, None)).WaitingFor?.Contains("preflight", StringComparison.Ordinal) == true, "the job to wait for the preflight");
        await runner.ReportAsync(0);

        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        var there = await site.Conductor.Operator.GetRunnerAsync("n1", None);
        Assert.Equal((RunnerState.Ready, "n1"), (there.State, there.Node));
    }

    [Fact]
    public async Task FirstBoot_ThatFails_FailsTheDeployWithItsLogAndAnOperatorCanStillHelpIt()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, script) = await WriteAsync(site);
        site.SeeSystem();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForRunner);

        Assert.Equal(HttpStatusCode.NotFound, await TellAsync(site, site.Conductor.TlsUrl.ToString().TrimEnd('/') + Routes.For(Routes.FirstBootFailure, new string('0', 32)), "x"));
        Assert.Equal(HttpStatusCode.NoContent, await TellAsync(site, Value(script, "failure"), "E: no space\u001b[2J\nThe package could not be installed.\n\n"));

        var ended = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Failed, FailureCodes.RunnerFailed), (ended.Outcome, ended.FailureCode));
        Assert.Contains("The package could not be installed.", ended.Cause, StringComparison.Ordinal);
        Assert.Contains("E: no space?[2J\n", Assert.Single((await site.Conductor.Operator.GetJobLogAsync(job.Id, None)).Boots, boot => boot.BootId == "first-boot").Text, StringComparison.Ordinal);
        var failed = await site.Conductor.Operator.GetRunnerAsync("n1", None);
        Assert.Equal((RunnerState.Failed, "n1", "The package could not be installed."), (failed.State, failed.Node, failed.Cause));
        // Nothing but the job's own time is for it to speak.
        await TellAsync(site, Value(script, "failure"), "again");
        Assert.Equal("The package could not be installed.", (await site.Conductor.Operator.GetRunnerAsync("n1", None)).Cause);

        using var runner = new TestRunner(site.Conductor);
        Assert.Equal(failed.Id, (await runner.JoinAsync(Value(script, "token"))).Id);
        await runner.ReportAsync(0);
        Assert.Equal(RunnerState.Ready, (await site.Conductor.Operator.GetRunnerAsync("n1", None)).State);
    }

    [Fact]
    public async Task RunnerThatNeverJoins_IsMissedInWords()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, _) = await WriteAsync(site);
        site.SeeSystem();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForRunner);
        await site.Conductor.PassAsync(site.Conductor.Settings.Limits.RunnerSetup);
        var ended = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal(FailureCodes.RunnerMissing, ended.FailureCode);
        Assert.Contains("cloud-init", ended.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NodeThatIsARunner_IsNotWrittenWhileItHasVmsAndIsNoneAfterwards()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, script) = await WriteAsync(site);
        using var runner = new TestRunner(site.Conductor);
        await runner.JoinAsync(Value(script, "token"));
        await runner.ReportAsync(0);
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        await site.Conductor.Operator.CreateVmAsync("n1", new CreateVm("web", TestRunner.Image), None);

        var refused = await RefusedAsync(409, () => site.DeployAsync());
        Assert.Equal("urn:baremetal:problem:has-vms", refused.Type);
        Assert.Equal(NodeState.Active, (await site.NodeAsync()).State);

        await site.Conductor.Operator.DeleteVmAsync("n1", "web", force: false, None);
        await runner.ObeyAsync();
        await site.DeployAsync();
        await RefusedAsync(404, () => site.Conductor.Operator.GetRunnerAsync("n1", None));
        await RefusedAsync(401, () => runner.ReportAsync(0));
    }

    [Fact]
    public async Task Deploy_OfARunnerThatCouldNotBecomeOne_IsRefusedBeforeAnythingIsTouched()
    {
        await using var site = await TestSite.StartAvailableAsync();
        using var other = await TestRunner.StartAsync(site.Conductor, "n1");
        Assert.Contains("already a runner", (await RefusedAsync(409, () => site.DeployAsync(AsRunner))).Title, StringComparison.Ordinal);
        await site.Conductor.Operator.RemoveRunnerAsync("n1", force: false, None);
        File.Delete(site.Conductor.Settings.RunnerPackage);
        Assert.Contains("runnerPackage", (await RefusedAsync(422, () => site.DeployAsync(AsRunner with { DryRun = true }))).Remedy, StringComparison.Ordinal);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }

    /// <summary>The image is written and the machine restarts.</summary>
    private static async Task<(Job Job, string Script)> WriteAsync(TestSite site)
    {
        var job = await site.DeployAsync(AsRunner);
        var order = await site.OrderAsync();
        var drive = Encoding.Latin1.GetString(await site.Agent.FetchConfigDriveAsync(order.OrderId));
        foreach (var step in order.Steps)
            await site.Agent.ReportAsync(order, step.Name, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        return (job, drive);
    }

    // In the drive it stands as JSON, in one piece.
    private static string Value(string script, string name) =>
        Assignment().Matches(script).First(one => one.Groups["name"].Value == name).Groups["value"].Value;

    private static Task<HttpStatusCode> TellAsync(TestSite site, string url, string log) =>
        site.Conductor.StatusAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(url)) { Content = new StringContent(log) });

    private static async Task<Problem> RefusedAsync(int status, Func<Task> call)
    {
        var problem = (await Assert.ThrowsAsync<ProblemException>(call)).Problem;
        Assert.Equal(status, problem.Status);
        return problem;
    }

    [GeneratedRegex(@"\\n(?<name>[a-z0-9]+)=\\u0027(?<value>[^\\]*)\\u0027", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Assignment();
}
