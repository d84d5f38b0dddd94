using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Tests.World;
using Baremetal.Support;

namespace Baremetal.Conductor.Tests.Agents;

public sealed class EnrolTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>A node whose job waits for its agent, and a machine that has its token.</summary>
    private static async Task<TestSite> WaitingAsync()
    {
        var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        await site.Agent.FetchScriptAsync();
        Assert.NotNull(site.Agent.Token);
        return site;
    }

    private static async Task RefusedAsync(int status, Func<Task> call) => Assert.Equal(status, (await Assert.ThrowsAsync<ProblemException>(call)).Problem.Status);

    [Fact]
    public async Task Token_UsedTwiceWithTheSameKey_GivesTheSameCertificate()
    {
        await using var site = await WaitingAsync();
        var first = await site.Agent.EnrolAsync();
        var second = await site.Agent.EnrolAsync();
        Assert.Equal((first.Certificate, first.BootId, first.NodeId), (second.Certificate, second.BootId, second.NodeId));
    }

    [Fact]
    public async Task Token_UsedAgainWithAnotherKey_IsRefusedAndTheNodeIsQuarantined()
    {
        await using var site = await WaitingAsync();
        var job = (await site.NodeAsync()).CurrentJob!;
        await site.Agent.EnrolAsync();
        await ContestAsync(site);
        await using var events = site.Conductor.Operator.FollowAsync(1, None).GetAsyncEnumerator(None);
        await Until.TrueAsync(async () => await events.MoveNextAsync() && events.Current.Kind == EventKinds.Alarm, "the alarm");

        // Who was there first may be the thief.
        await RefusedAsync(401, () => site.Agent.TellInventoryAsync(TestAgent.Machine()));
        await RefusedAsync(401, () => site.Agent.RenewAsync());
        await RefusedAsync(403, () => site.Agent.EnrolAsync());
        var ended = await site.Conductor.Operator.GetJobAsync(job, None);
        var node = await site.NodeAsync();
        Assert.Equal((JobOutcome.Failed, NodeState.Held, null), (ended.Outcome, node.State, node.CurrentJob));
        Assert.Contains("two keys", ended.Cause, StringComparison.Ordinal);
        Assert.Equal(ended.Cause, node.Cause);
    }

    [Fact]
    public async Task Token_ContestedAfterTheInspection_TheNodeNeedsAnOperatorAndANewBoot()
    {
        await using var site = await WaitingAsync();
        await site.Agent.EnrolAsync();
        await site.Agent.TellInventoryAsync(TestAgent.Machine());
        await Until.TrueAsync(async () => (await site.NodeAsync()).CurrentJob is null, "the inspection's end");
        await site.Conductor.Operator.ApproveAsync("n1", None);
        await ContestAsync(site);
        Assert.Equal(NodeState.Held, (await site.NodeAsync()).State);
        await RefusedAsync(409, () => site.DeployAsync());

        await site.Conductor.Operator.ApproveAsync("n1", None);
        await site.BootAgentAsync(await site.DeployAsync());
        await site.OrderAsync();
        Assert.Equal(2, site.Bmc.Starts);
    }

    private static async Task ContestAsync(TestSite site)
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusedAsync(409, () => site.Agent.EnrolAsync(key: other));
    }

    [Fact]
    public async Task Token_UnknownOrEndedOrOfAnotherMachine_IsRefused()
    {
        await using var site = await WaitingAsync();
        await RefusedAsync(403, () => site.Agent.EnrolAsync(token: RandomNumberGenerator.GetHexString(32, lowercase: true)));
        await RefusedAsync(403, () => site.Agent.EnrolAsync(mac: "52:54:00:00:00:99"));
        using var otherMachine = new TestAgent(site.Conductor, TestSite.Mac);
        await RefusedAsync(403, () => otherMachine.EnrolAsync(token: site.Agent.Token));
        site.Conductor.Clock.Jump(BootTokens.Life);
        await RefusedAsync(403, () => site.Agent.EnrolAsync());
    }

    [Fact]
    public async Task Token_OfAnEarlierFetch_StillWorksUntilOneIsUsed()
    {
        await using var site = await WaitingAsync();
        var earlier = site.Agent.Token;
        await site.Agent.FetchScriptAsync();
        Assert.NotEqual(earlier, site.Agent.Token);
        await site.Agent.EnrolAsync(token: earlier);
        await RefusedAsync(403, () => site.Agent.EnrolAsync());
    }

    [Fact]
    public async Task BootScript_WhileNoJobWaits_CarriesNoToken()
    {
        await using var site = await TestSite.StartAsync();
        Assert.Contains("exit", await site.Agent.FetchScriptAsync(), StringComparison.Ordinal);
        Assert.Contains(Routes.LocalBootLoader, await site.Agent.FetchScriptAsync(arch: 7), StringComparison.Ordinal);
        Assert.Null(site.Agent.Token);
    }

    [Fact]
    public async Task Certificate_OfAnEarlierBoot_IsRefused()
    {
        await using var site = await WaitingAsync();
        await site.Agent.EnrolAsync();
        // The same machine, restarted before its inventory came: the job ends with it, so another one begins.
        await site.Agent.TellInventoryAsync(TestAgent.Machine());
        await Until.TrueAsync(async () => (await site.NodeAsync()).CurrentJob is null, "the inspection's end");
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        using var next = new TestAgent(site.Conductor, TestSite.Mac);
        await next.FetchScriptAsync();
        await next.EnrolAsync();
        await RefusedAsync(401, () => site.Agent.BeatAsync());
        await next.BeatAsync();
    }

    [Fact]
    public async Task Certificate_Ended_IsRefusedAndARenewedOneLives()
    {
        await using var site = await WaitingAsync();
        await site.Agent.EnrolAsync();
        site.Conductor.Clock.Jump(TimeSpan.FromMinutes(50));
        var renewed = await site.Agent.RenewAsync();
        using var certificate = X509Certificate2.CreateFromPem(renewed.Certificate);
        Assert.True(certificate.NotAfter.ToUniversalTime() > site.Conductor.Clock.GetUtcNow().UtcDateTime + TimeSpan.FromMinutes(55));
        site.Conductor.Clock.Jump(TimeSpan.FromMinutes(11));
        await RefusedAsync(401, () => site.Agent.BeatAsync());
    }

    [Fact]
    public async Task Renewal_ForAnotherKey_IsRefused()
    {
        await using var site = await WaitingAsync();
        await site.Agent.EnrolAsync();
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusedAsync(409, () => site.Agent.RenewAsync(other));
    }

    [Theory]
    [InlineData("""{"firmware":"uefi"}""")]
    [InlineData("""{"processor":null,"memoryBytes":1,"disks":[],"networkInterfaces":[],"firmware":"uefi","system":{}}""")]
    [InlineData("""{"processor":{"model":"m","architecture":"x86_64","sockets":1,"cores":1,"threads":1},"memoryBytes":1,"disks":[null],"networkInterfaces":[],"firmware":"uefi","system":{}}""")]
    [InlineData("""{"processor":{"model":"m","architecture":"x86_64","sockets":1,"cores":1,"threads":1},"memoryBytes":1,"disks":[],"networkInterfaces":[{"name":"e"}],"firmware":"uefi","system":{}}""")]
    public async Task Inventory_WithPartsMissing_IsRefused(string inventory)
    {
        await using var site = await WaitingAsync();
        await site.Agent.EnrolAsync();
        await RefusedAsync(400, () => site.Agent.TellAsync(Routes.AgentInventory, inventory));
        Assert.Null((await site.NodeAsync()).Inventory);
    }

    [Fact]
    public async Task Request_OfAnotherCurveOrUnsigned_IsRefused()
    {
        await using var site = await WaitingAsync();
        using var wrong = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        await RefusedAsync(400, () => site.Agent.EnrolAsync(key: wrong));
    }

    [Fact]
    public async Task AgentCall_WithoutCertificateOrWithAForeignOne_DoesNotGetThrough()
    {
        await using var site = await WaitingAsync();
        using var ca = site.Conductor.Certificate();
        using var anonymous = new HttpClient(PinnedHttp.Handler(ca, CertificateTimes.Ignored)) { BaseAddress = site.Conductor.TlsUrl };
        using var answer = await anonymous.PostAsync(Routes.AgentOrder, JsonContent.Create(new AskOrder(site.Agent.Nonce), AgentJson.Default.AskOrder), None);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);

        using var otherCa = new TestCa();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = site.Conductor.Clock.GetUtcNow();
        using var bare = otherCa.Client(Convert.FromBase64String(TestAgent.Csr(key)), (await site.NodeAsync()).Id, now.AddMinutes(-1), now.AddHours(1));
        using var certificate = bare.CopyWithPrivateKey(key);
        using var foreign = new HttpClient(PinnedHttp.Handler(ca, CertificateTimes.Ignored, certificate)) { BaseAddress = site.Conductor.TlsUrl };
        await Assert.ThrowsAsync<HttpRequestException>(() => foreign.GetAsync(Routes.AgentTrust, None));
    }

    [Fact]
    public async Task Enrolments_FromOneAddress_AreBounded()
    {
        await using var site = await WaitingAsync();
        var answers = new List<int>();
        for (var number = 0; number < 125; number++)
            answers.Add((await Assert.ThrowsAsync<ProblemException>(() => site.Agent.EnrolAsync(token: "no"))).Problem.Status);
        Assert.Contains(429, answers);
        Assert.Equal(403, answers[0]);
    }

    [Fact]
    public async Task AgentCalls_OnThePlainPort_AreNotThere()
    {
        await using var site = await WaitingAsync();
        foreach (var path in new[] { Routes.AgentEnrol, Routes.AgentOrder, Routes.Nodes })
        {
            using var answer = await site.Conductor.Plain.PostAsync(path, JsonContent.Create(new AskOrder(""), AgentJson.Default.AskOrder), None);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }
}
