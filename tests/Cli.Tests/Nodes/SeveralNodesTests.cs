using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;

namespace Baremetal.Cli.Tests.Nodes;

/// <summary>Commands that take several nodes.</summary>
public sealed class SeveralNodesTests
{
    [Fact]
    public async Task Approve_SeveralOneOfThemRefused_SaysSoAndApprovesTheOthers()
    {
        await using var conductor = await StartAsync();

        var run = await conductor.RunAsync("node", "approve", "r1", "bad", "r2");

        Assert.Equal("error: bad is active.\nhint:  Leave it.\n", run.Error);
        Assert.Equal(["r1 is available: it may be written to.", "r2 is available: it may be written to."], run.Output.Split('\n').Where(line => line.Contains("may be", StringComparison.Ordinal)));
        Assert.Equal(ExitCodes.Refused, run.ExitCode);
    }

    [Fact]
    public async Task Approve_RefusedForDifferentReasons_HasFailed()
    {
        await using var conductor = await StartAsync();

        Assert.Equal(ExitCodes.Failed, (await conductor.RunAsync("node", "approve", "bad", "gone", "r2")).ExitCode);
    }

    [Fact]
    public async Task Approve_WithoutATokenThatIsTaken_IsSaidOnce()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeAction, () => TestConductor.Refuse(401, "The token is not known.")));

        var run = await conductor.RunAsync("node", "approve", "r1", "r2");

        Assert.Equal(ExitCodes.Refused, run.ExitCode);
        Assert.Single(run.Error.Split('\n'), line => line.StartsWith("error:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Inspect_SeveralAsJson_IsADocumentEach()
    {
        await using var conductor = await StartAsync();

        Assert.Equal(["job-r1", "job-r2"], IdsOf((await conductor.RunAsync("node", "inspect", "r1", "r2", "-o", "json")).Succeeded()));
    }

    [Fact]
    public async Task Inspect_SeveralAndWait_StartsAllBeforeItWaits()
    {
        var calls = new List<string>();
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapPost(Routes.NodeAction, (string node) => Note($"start {node}", TestConductor.Answer(Samples.Deploying with { Id = $"job-{node}", Kind = JobKind.Inspect, NodeName = node })));
            app.MapGet(Routes.JobEvents, (string job) => Note($"follow {job}", Microsoft.AspNetCore.Http.Results.NoContent()));
            app.MapGet(Routes.Job, (string job) => TestConductor.Answer(Samples.Deploying with { Id = job, Kind = JobKind.Inspect, Outcome = job == "job-r1" ? JobOutcome.Failed : JobOutcome.Done, Cause = "It never came.", Finished = CommandRun.Now }));
        });

        var run = await conductor.RunAsync("node", "inspect", "r1", "r2", "--wait");

        Assert.Equal(["start r1", "start r2", "follow job-r1", "follow job-r2"], calls);
        Assert.Contains("It never came.", run.EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
        Assert.Contains("Done", run.Output, StringComparison.Ordinal);

        T Note<T>(string what, T answer)
        {
            lock (calls)
                calls.Add(what);
            return answer;
        }
    }

    [Fact]
    public async Task Deploy_SeveralUnderOneHostName_IsWrongUsage()
    {
        var run = await CommandRun.Of("deploy", "r1", "r2", "--image", "debian-12", "--hostname", "web");

        Assert.Contains("--hostname is one name", run.EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
    }

    private static List<string> IdsOf(string documents)
    {
        var ids = new List<string>();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(documents), new JsonReaderOptions { AllowMultipleValues = true });
        while (reader.Read())
            ids.Add(JsonSerializer.Deserialize(ref reader, ApiJson.Default.Job)!.Id);
        return ids;
    }

    private static Task<TestConductor> StartAsync() => TestConductor.StartAsync(app => app.MapPost(Routes.NodeAction, (string node, string action) => node switch
    {
        "bad" => TestConductor.Refuse(409, "bad is active.", "Leave it."),
        "gone" => TestConductor.Refuse(404, "There is no node 'gone'."),
        _ when action == NodeActions.Inspect => TestConductor.Answer(Samples.Deploying with { Id = $"job-{node}", Kind = JobKind.Inspect, NodeName = node }),
        _ => TestConductor.Answer(Samples.Enrolled with { Name = node, State = NodeState.Available }),
    }));
}
