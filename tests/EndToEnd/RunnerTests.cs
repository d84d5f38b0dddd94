using System.Net;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>From an image of the catalogue to a page out of a VM: conductor, runner and VM, each as it is installed.</summary>
public sealed class RunnerTests : SiteTests
{
    private const string Memory = "192M";
    private const int Port = 8080;

    // Emulated, on a busy machine.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Vm_OfAnImageOfTheCatalogue_AnswersOnItsPortAndOutlivesConductorAndRunner()
    {
        var site = await OpenAsync();
        await using var runner = await LabRunner.StartAsync(site.Lan, site.Conductor, "kvm1", Cancel);
        using var http = new HttpClient(site.Lan.Conductor.CreateHttpHandler());
        await site.Conductor.RunAsync(["vm-image", "build", site.Image.Name], Cancel);
        await UntilAsync(async () => (await RunnerAsync(site)).State == RunnerState.Ready, "the runner to be ready");

        await site.Conductor.RunAsync(["vm", "create", "web", "--runner", "kvm1", "--image", site.Image.Name, "--memory", Memory, "--publish", $"{Port}:80", "--wait"], Cancel);
        await AssertAnswersAsync(http, runner);
        Assert.Contains("TINY-READY host=web", await site.Conductor.RunAsync(["vm", "console-log", "web"], Cancel), StringComparison.Ordinal);

        // Neither of the two is needed for a VM to run.
        await site.Conductor.StopAsync(Cancel);
        await runner.KillAsync();
        await AssertAnswersAsync(http, runner);
        await site.Conductor.StartAsync(Cancel);
        runner.Start();
        await UntilAsync(async () => (await VmAsync(site)).State == VmState.Running, "the VM to be known again");
        await AssertAnswersAsync(http, runner);

        await site.Conductor.RunAsync(["vm", "stop", "web", "--wait"], Cancel);
        Assert.Equal((VmState.Stopped, 0), (await VmAsync(site)) is var stopped ? (stopped.State, stopped.ExitCode ?? -1) : default);
        await site.Conductor.RunAsync(["vm", "start", "web", "--wait"], Cancel);
        await AssertAnswersAsync(http, runner);
        await site.Conductor.RunAsync(["vm", "delete", "web", "--wait"], Cancel);
        Assert.Empty((await site.Conductor.QueryAsync(["vm", "list"], ApiJson.Default.PageVm, Cancel)).Items);
    }

    private static Task<Runner> RunnerAsync(Site site) => site.Conductor.QueryAsync(["runner", "show", "kvm1"], ApiJson.Default.Runner, Cancel);

    private static Task<Vm> VmAsync(Site site) => site.Conductor.QueryAsync(["vm", "show", "web"], ApiJson.Default.Vm, Cancel);

    private static Task AssertAnswersAsync(HttpClient http, LabRunner runner) => UntilAsync(async () =>
    {
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://{runner.Address}:{Port}/"), Cancel);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }, $"an answer of the VM at {runner.Address}:{Port}");

    private static async Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bounded.CancelAfter(Bound);
        while (!await isSo())
        {
            if (bounded.IsCancellationRequested)
                throw new TimeoutException($"Waited {Bound.TotalMinutes} min for {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(500), Cancel);
        }
    }
}
