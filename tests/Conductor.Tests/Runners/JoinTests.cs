using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Runners;

public sealed class JoinTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static async Task<Problem> RefusedAsync(int status, Func<Task> call)
    {
        var problem = (await Assert.ThrowsAsync<ProblemException>(call)).Problem;
        Assert.Equal(status, problem.Status);
        return problem;
    }

    private static async Task<string> TokenAsync(TestConductor conductor, NewRunnerToken? ask = null) => (await conductor.Operator.MakeRunnerTokenAsync(ask ?? new NewRunnerToken(), None)).Token;

    [Fact]
    public async Task Token_IsKeptAsItsDigestAloneAndSaysWhatToPin()
    {
        await using var conductor = await TestConductor.StartAsync();
        var token = await conductor.Operator.MakeRunnerTokenAsync(new NewRunnerToken("kvm1"), None);
        using var ca = conductor.Certificate();
        Assert.Equal(("kvm1", PinnedHttp.PinOf(ca)), (token.Name, token.CaPin));
        Assert.Matches("^bmr1_[0-9a-f]{32}$", token.Token);
        await conductor.StopAsync();
        foreach (var file in Directory.GetFiles(conductor.Settings.StateDirectory, "conductor.db*"))
            Assert.True((await File.ReadAllBytesAsync(file, None)).AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(token.Token[5..])) < 0);
        Assert.DoesNotContain(conductor.Log, line => line.Contains(token.Token[5..], StringComparison.Ordinal));
    }

    [Fact]
    public async Task Join_TwiceWithTheSameKey_GivesTheSameAnswer()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = new TestRunner(conductor);
        var token = await TokenAsync(conductor);
        var first = await runner.JoinAsync(token);
        await conductor.RestartAsync();
        Assert.Equal(first, await runner.JoinAsync(token));
        // Called as its host, since the token names nobody.
        Assert.Equal("host1", first.Name);
        Assert.Equal(["host1"], await NamesAsync(conductor));
    }

    [Fact]
    public async Task Join_WithAnotherKey_IsRefusedTheTokenVoidAndAnAlarmGiven()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = new TestRunner(conductor);
        var token = await TokenAsync(conductor);
        await runner.JoinAsync(token);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains("runner remove host1", (await RefusedAsync(409, () => runner.JoinAsync(token, other))).Remedy, StringComparison.Ordinal);
        await RefusedAsync(403, () => runner.JoinAsync(token));
        var alarms = conductor.Database.Read(sql => sql.Query<string>("SELECT text FROM events WHERE kind = @kind", new { kind = EventKinds.Alarm }).AsList());
        Assert.Contains("host1", Assert.Single(alarms), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_UnknownOrEnded_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = new TestRunner(conductor);
        await RefusedAsync(403, () => runner.JoinAsync($"bmr1_{new string('0', 32)}"));
        var token = await TokenAsync(conductor, new NewRunnerToken(Seconds: 60));
        conductor.Clock.Jump(TimeSpan.FromSeconds(61));
        await RefusedAsync(403, () => runner.JoinAsync(token));
        Assert.Empty(await NamesAsync(conductor));
    }

    [Theory]
    [InlineData("join", 3600)]
    [InlineData("-x", 3600)]
    [InlineData("52-54-00-00-01-01", 3600)]
    [InlineData("kvm1", 59)]
    [InlineData("kvm1", 604801)]
    public async Task Token_OfANameOrTimeThatCannotBe_IsRefused(string name, int seconds)
    {
        await using var conductor = await TestConductor.StartAsync();
        await RefusedAsync(400, () => TokenAsync(conductor, new NewRunnerToken(name, seconds)));
    }

    [Theory]
    [InlineData("join.example")]
    [InlineData("local host")]
    [InlineData("")]
    public async Task Join_FromAHostWhoseNameIsNone_IsToldToBeNamed(string host)
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = new TestRunner(conductor);
        var token = await TokenAsync(conductor);
        Assert.Contains("--name", (await RefusedAsync(400, () => runner.JoinAsync(token, hostName: host))).Remedy, StringComparison.Ordinal);
        // Nothing of it was used up.
        await runner.JoinAsync(token);
    }

    [Fact]
    public async Task Join_UnderANameThatIsTaken_IsRefusedAndARejoinKeepsTheRunner()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var first = await TestRunner.StartAsync(conductor);
        await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("web", TestRunner.Image), None);
        Assert.Contains("--rejoin", (await RefusedAsync(409, () => TokenAsync(conductor, new NewRunnerToken("KVM1")))).Remedy, StringComparison.Ordinal);
        using var second = new TestRunner(conductor);
        var unnamed = await TokenAsync(conductor);
        await RefusedAsync(409, () => second.JoinAsync(unnamed, hostName: "kvm1.example"));

        var identity = await second.JoinAsync(await TokenAsync(conductor, new NewRunnerToken("kvm1", Rejoin: true)));
        Assert.Equal(first.Identity!.Id, identity.Id);
        Assert.Equal("web", Assert.Single((await second.OrdersAsync()).Vms).Spec.Name);
        await RefusedAsync(401, () => first.ReportAsync(0));
        // Whoever has copied the old key could go on with it.
        var again = await TokenAsync(conductor, new NewRunnerToken("kvm1", Rejoin: true));
        Assert.Contains("key.pem", (await RefusedAsync(409, () => second.JoinAsync(again))).Remedy, StringComparison.Ordinal);
        using var third = new TestRunner(conductor);
        Assert.Equal(identity.Id, (await third.JoinAsync(again)).Id);
        await RefusedAsync(404, () => TokenAsync(conductor, new NewRunnerToken("kvm9", Rejoin: true)));
        await RefusedAsync(400, () => TokenAsync(conductor, new NewRunnerToken(Rejoin: true)));
    }

    [Fact]
    public async Task Joins_OfTwoMachinesUnderOneName_MakeOneRunner()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var one = new TestRunner(conductor);
        using var other = new TestRunner(conductor);
        var tokens = (await TokenAsync(conductor), await TokenAsync(conductor));
        var joins = new[] { one.JoinAsync(tokens.Item1), other.JoinAsync(tokens.Item2) };
        await Assert.ThrowsAnyAsync<ProblemException>(() => Task.WhenAll(joins));
        _ = Assert.Single(joins, join => join.IsCompletedSuccessfully);
        Assert.Equal(["host1"], await NamesAsync(conductor));
    }

    [Fact]
    public async Task RemovedRunner_IsShutOutWithItsNextCall()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await conductor.Operator.RemoveRunnerAsync("kvm1", force: false, None);
        await RefusedAsync(401, () => runner.ReportAsync(0));
        await RefusedAsync(401, () => runner.OrdersAsync());
        await RefusedAsync(401, () => runner.RenewAsync());
    }

    [Fact]
    public async Task Certificate_NearItsEnd_IsRenewedForItsKeyAlone()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        conductor.Clock.Jump(TimeSpan.FromDays(80));
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains("--rejoin", (await RefusedAsync(409, () => runner.RenewAsync(other))).Remedy, StringComparison.Ordinal);
        var renewed = await runner.RenewAsync();
        Assert.True(renewed.CertificateEnds > conductor.Clock.GetUtcNow() + CertificateAuthority.RunnerLife - TimeSpan.FromDays(1));
        conductor.Clock.Jump(TimeSpan.FromDays(11));
        await RefusedAsync(401, () => runner.ReportAsync(0));
    }

    [Fact]
    public async Task CertificatesOfAgentsAndRunners_OpenNothingOfTheOther()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        await site.Agent.FetchScriptAsync();
        await site.Agent.EnrolAsync();
        await site.Agent.BeatAsync();
        await RefusedAsync(401, () => site.Agent.TellAsync(Routes.RunnerReport, """{"version":"1","revision":0,"capacity":{"processors":1,"memoryMb":1,"diskBytes":1,"diskFreeBytes":1,"accelerator":"kvm","engine":"e","networks":[]},"preflight":[],"vms":[]}"""));
        await RefusedAsync(401, () => site.Agent.TellAsync(Routes.RunnerRenew, """{"csr":"x"}"""));

        using var runner = await TestRunner.StartAsync(site.Conductor);
        using var ca = site.Conductor.Certificate();
        using var http = new HttpClient(PinnedHttp.Handler(ca, CertificateTimes.Ignored, runner.CertificateOf(runner.Identity!.Certificate))) { BaseAddress = site.Conductor.TlsUrl };
        using var answer = await http.PostAsync(Routes.AgentOrder, JsonContent.Create(new AskOrder(site.Agent.Nonce), AgentJson.Default.AskOrder), None);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        // Nor where each is in the other's table under the same key.
        using var certificate = X509Certificate2.CreateFromPem(runner.Identity.Certificate);
        Assert.False(Authority(site.Conductor).IsAgent(certificate));
        Assert.True(Authority(site.Conductor).IsRunner(certificate));
        using var agents = X509Certificate2.CreateFromPem(site.Agent.Identity!.Certificate);
        Assert.Equal((true, false), (Authority(site.Conductor).IsAgent(agents), Authority(site.Conductor).IsRunner(agents)));
    }

    [Fact]
    public async Task RunnerCalls_WithoutCertificateOrTls_DoNotGetThrough()
    {
        await using var conductor = await TestConductor.StartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, await conductor.StatusAsync(new HttpRequestMessage(HttpMethod.Get, Routes.RunnerOrders)));
        using var answer = await conductor.Plain.GetAsync(new Uri(Routes.RunnerOrders, UriKind.Relative), None);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static CertificateAuthority Authority(TestConductor conductor) => (CertificateAuthority)conductor.Services.GetService(typeof(CertificateAuthority))!;

    private static ValueTask<List<string>> NamesAsync(TestConductor conductor) => conductor.Operator.ListRunnersAsync(None).Select(runner => runner.Name).ToListAsync(None);
}
