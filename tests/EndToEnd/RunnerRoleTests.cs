using System.Net;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>From bare metal to a VM's page: a server is deployed as a runner, and nobody touches it but the conductor.</summary>
public sealed class RunnerRoleTests : SiteTests
{
    private const int Port = 8080;

    // An emulated guest on an emulated host.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(20);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deploy_AsARunner_BecomesOneAndRunsAVmThatAnswersOnItsPort()
    {
        var site = await OpenAsync(BuildOutputs.DebianRunnerImage, new LabConductorSettings { RunnerPackage = BuildOutputs.RunnerPackage });
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios, spec => spec with { MemoryMiB = 2048, Processors = 2, Disks = [new VirtualDisk(8L << 30)] });
        await AddVmImageAsync(site);

        var job = await site.EndOf(await site.StartAsync("deploy", server.Spec.Name, "--image", site.Image.Name, "--role", "runner"));
        Assert.True(job.Outcome == JobOutcome.Done, $"{site.Explain(job)}\n{(await site.Conductor.TryRunAsync(["job", "show", job.Id, "--log"], cancellationToken: Cancel)).Output}");
        var runner = Assert.Single((await site.Conductor.QueryAsync(["runner", "list"], ApiJson.Default.PageRunner, Cancel)).Items);
        Assert.Equal((server.Spec.Name, server.Spec.Name, RunnerState.Ready, "tcg"), (runner.Name, runner.Node, runner.State, runner.Capacity?.Accelerator));
        Assert.All(runner.Preflight, check => Assert.True(check.Passed, $"{check.Name}: {check.Finding}"));

        await site.Conductor.RunAsync(["vm", "create", "web", "--runner", server.Spec.Name, "--image", "tiny", "--memory", "128M", "--publish", $"{Port}:80"], Cancel);
        await AssertAnswersAsync(site, new Uri($"http://{runner.Address}:{Port}/"));
    }

    // Beside the server's own, by the same keys.
    private static async Task AddVmImageAsync(Site site)
    {
        var folder = Path.Combine(site.Lan.Folder, "vm-image");
        await site.Conductor.RunAsync(["image", "sign", BuildOutputs.TinyImage, "--key", Path.Combine(site.Image.KeyFolder, "image.key"), "--name", "tiny", "--out", folder], Cancel);
        await site.Conductor.RunAsync(["image", "add", Path.Combine(folder, "tiny.dsse.json"), "--source", BuildOutputs.TinyImage], Cancel);
        await site.Conductor.RunAsync(["vm-image", "build", "tiny"], Cancel);
    }

    private static async Task AssertAnswersAsync(Site site, Uri page)
    {
        using var http = new HttpClient(site.Lan.Conductor.CreateHttpHandler());
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bounded.CancelAfter(Bound);
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync(page, bounded.Token);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                return;
            }
            catch (HttpRequestException)
            {
                // Not there yet.
            }
            catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
            {
                var vm = await site.Conductor.RunAsync(["vm", "show", "web"], Cancel);
                throw new TimeoutException($"Waited {Bound.TotalMinutes} min for an answer at {page}.\n{vm}");
            }
            await Task.Delay(TimeSpan.FromSeconds(1), Cancel);
        }
    }
}
