using System.Net;
using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>What an installed system says of itself, over a port on which anybody can speak.</summary>
public sealed partial class PhoneHomeTests
{
    private const string HostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp";

    // By ssh-keygen -lf.
    private const string Fingerprint = "SHA256:elPtJnHvUbW3wl1+8HjC/sHlPMFijsX1JOcsjfcmNkQ";

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Word_OfTheInstalledSystem_EndsTheDeployAndTellsItsHostKeys()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, url) = await WriteAsync(site, new DeployNode("debian", WaitFor: BootSign.PhoneHome));
        site.SeeSystem();
        await Until.TrueAsync(async () => (await site.NodeAsync()).Address == "10.0.0.10", "the system to be seen");
        Assert.Null((await site.Conductor.Operator.GetJobAsync(job.Id, None)).Outcome);

        Assert.Equal(HttpStatusCode.NoContent, await SayAsync(site, url, ("hostname", "n1"), ("pub_key_ed25519", HostKey + " root@n1\n"), ("pub_key_rsa", "N/A"), ("other", "x")));

        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
        var node = await site.NodeAsync();
        Assert.Equal((NodeState.Active, "127.0.0.1"), (node.State, node.Address));
        Assert.Equal(new SshHostKey(HostKey, Fingerprint), Assert.Single(node.SshHostKeys!));
    }

    [Fact]
    public async Task Word_SaidAgain_ChangesNothing()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, url) = await WriteAsync(site, new DeployNode("debian", Hostname: "n1"));
        await SayAsync(site, url, ("pub_key_ed25519", HostKey));
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        var before = await site.NodeAsync();

        Assert.Equal(HttpStatusCode.NoContent, await SayAsync(site, url, ("pub_key_ed25519", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));

        Assert.Equal((before.Revision, HostKey), ((await site.NodeAsync()).Revision, (await site.NodeAsync()).SshHostKeys![0].PublicKey));
    }

    [Fact]
    public async Task Word_AfterTheSystemWasSeen_StillTellsItsHostKeysUntilTheNodeIsWrittenAnew()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var (job, url) = await WriteAsync(site, new DeployNode("debian", Hostname: "n1"));
        site.SeeSystem();
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        await SayAsync(site, url, ("pub_key_ed25519", HostKey));
        Assert.Single((await site.NodeAsync()).SshHostKeys!);

        var again = await site.DeployAsync();
        await site.BootAgentAsync(again);
        await Until.JobAtAsync(site.Conductor.Operator, again.Id, OrderSteps.WriteImage);

        Assert.Null((await site.NodeAsync()).SshHostKeys);
    }

    [Fact]
    public async Task Word_BeforeTheRestart_IsNotBelieved()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.DeployAsync(new DeployNode("debian", Hostname: "n1"));
        var order = await site.OrderAsync();
        var url = UrlIn(await site.Agent.FetchConfigDriveAsync(order.OrderId));

        Assert.Equal(HttpStatusCode.NoContent, await SayAsync(site, url, ("pub_key_ed25519", HostKey)));

        Assert.Null((await site.NodeAsync()).SshHostKeys);
    }

    [Fact]
    public async Task Word_WithAnUnknownTokenOrNoForm_IsRefused()
    {
        await using var site = await TestSite.StartAvailableAsync();
        Assert.Equal(HttpStatusCode.NotFound, await SayAsync(site, Routes.For(Routes.PhoneHome, new string('0', 32)), ("hostname", "n1")));
        var (_, url) = await WriteAsync(site, new DeployNode("debian", Hostname: "n1"));
        Assert.Equal(HttpStatusCode.BadRequest, await SayAsync(site, url, ("pub_key_ed25519", new string('a', 20 << 10))));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await SayAsync(site, url, [.. Enumerable.Range(0, 20).Select(number => ($"pub_key_{number}", new string('a', 8 << 10)))]));
        Assert.Equal(HttpStatusCode.BadRequest, await SayAsync(site, url, [.. Enumerable.Range(0, 100).Select(number => ($"{number}", "a"))]));
        using var json = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
        Assert.Equal(HttpStatusCode.BadRequest, (await site.Conductor.Plain.PostAsync(new Uri(url, UriKind.RelativeOrAbsolute), json, None)).StatusCode);
    }

    /// <summary>The image is written and the machine restarts.</summary>
    private static async Task<(Job Job, string Url)> WriteAsync(TestSite site, DeployNode ask)
    {
        var job = await site.DeployAsync(ask);
        var order = await site.OrderAsync();
        var url = UrlIn(await site.Agent.FetchConfigDriveAsync(order.OrderId));
        foreach (var step in order.Steps)
            await site.Agent.ReportAsync(order, step.Name, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        return (job, url);
    }

    private static async Task<HttpStatusCode> SayAsync(TestSite site, string url, params (string Name, string Value)[] fields)
    {
        using var form = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        using var answer = await site.Conductor.Plain.PostAsync(new Uri(url, UriKind.RelativeOrAbsolute), form, None);
        return answer.StatusCode;
    }

    // A file of one cluster lies in the drive as it is.
    private static string UrlIn(byte[] drive) => PhoneHomeUrl().Match(System.Text.Encoding.Latin1.GetString(drive)).Value is { Length: > 0 } url ? url : throw new InvalidOperationException("the drive names no address to phone");

    [GeneratedRegex("http://[0-9.:]+/v1/phone-home/[0-9a-f]{32}", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex PhoneHomeUrl();
}
