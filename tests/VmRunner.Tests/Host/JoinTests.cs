using System.Net;
using System.Security.Cryptography;
using Baremetal.Api.Client;
using Baremetal.Support;
using Baremetal.VmRunner.Host;
using Baremetal.VmRunner.Tests.World;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.VmRunner.Tests.Host;

/// <summary><c>vm-runner join</c>, as it is typed.</summary>
public sealed class JoinTests : IAsyncLifetime
{
    private readonly TestConductor _conductor = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("join-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string State => Path.Combine(_folder, "state");

    private string TokenFile => Path.Combine(_folder, "token");

    public async ValueTask InitializeAsync()
    {
        await _conductor.StartAsync();
        await File.WriteAllTextAsync(TokenFile, TestConductor.Token + "\n");
    }

    public async ValueTask DisposeAsync()
    {
        await _conductor.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Join_WithAToken_KeepsKeyAndIdentityForRootAlone()
    {
        var (exitCode, said) = await JoinAsync("--ca", _conductor.CaFile(_folder), "--name", "host-7");

        Assert.True(exitCode == 0, said);
        Assert.Contains("as runner host-7 (runner-1)", said, StringComparison.Ordinal);
        Assert.DoesNotContain(TestConductor.Token, said, StringComparison.Ordinal);
        var saved = new RunnerIdentityFile(new StateFolder(State)).Load();
        Assert.Equal((_conductor.Address, "runner-1", "host-7"), (saved.Server, saved.Id, saved.Name));
        foreach (var file in Directory.GetFiles(State))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        foreach (var file in Directory.GetFiles(State))
            Assert.DoesNotContain(TestConductor.Token, await File.ReadAllTextAsync(file, Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Join_AfterALostAnswer_ComesBackWithTheSameKey()
    {
        _conductor.LosesAnswer = true;
        _ = await JoinAsync("--ca", _conductor.CaFile(_folder));
        var key = await File.ReadAllTextAsync(Path.Combine(State, "key.pem"), Cancel);

        var (exitCode, said) = await JoinAsync("--ca", _conductor.CaFile(_folder));

        Assert.True(exitCode == 0, said);
        Assert.Equal(key, await File.ReadAllTextAsync(Path.Combine(State, "key.pem"), Cancel));
        Assert.True(_conductor.Joins > 1);
    }

    [Fact]
    public async Task Join_WithThePin_FetchesTheCaAndHoldsItAgainstIt()
    {
        await using var plain = await PlainAsync(_conductor.Ca.ExportCertificatePem());

        var (exitCode, said) = await JoinAsync("--pin", PinnedHttp.PinOf(_conductor.Ca), "--plain", plain.Urls.First());

        Assert.True(exitCode == 0, said);
    }

    [Fact]
    public async Task Join_WithAnothersCa_RefusesBeforeTheTokenIsSent()
    {
        using var other = new TestCa();
        await using var plain = await PlainAsync(other.Certificate.ExportCertificatePem());

        var (exitCode, said) = await JoinAsync("--pin", PinnedHttp.PinOf(_conductor.Ca), "--plain", plain.Urls.First());

        Assert.Equal(4, exitCode);
        Assert.Contains("somebody else's server answered", said, StringComparison.Ordinal);
        Assert.Equal(0, _conductor.Joins);
    }

    [Fact]
    public async Task Join_WithATokenThatIsNotKnown_SaysWhatTheConductorSays()
    {
        await File.WriteAllTextAsync(TokenFile, "bmr1_other", Cancel);

        var (exitCode, said) = await JoinAsync("--ca", _conductor.CaFile(_folder));

        Assert.Equal(4, exitCode);
        Assert.Contains("The token is not known.", said, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(State, "identity.json")));
    }

    [Fact]
    public async Task Join_WithAnotherKey_IsRefusedAndKeepsTheIdentityThatWorks()
    {
        await JoinAsync("--ca", _conductor.CaFile(_folder));
        var identity = await File.ReadAllTextAsync(Path.Combine(State, "identity.json"), Cancel);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(Path.Combine(State, "key.pem"), other.ExportPkcs8PrivateKeyPem(), Cancel);

        var (exitCode, said) = await JoinAsync("--ca", _conductor.CaFile(_folder));

        Assert.Equal(4, exitCode);
        Assert.Contains("used with another key", said, StringComparison.Ordinal);
        Assert.Equal(identity, await File.ReadAllTextAsync(Path.Combine(State, "identity.json"), Cancel));
    }

    [Theory]
    [InlineData("", 4, "is no token. It holds the one line")]
    [InlineData("two words", 4, "is no token")]
    [InlineData(null, 3, "There is no token file")]
    public async Task Join_WithoutAToken_SaysWhereItComesFrom(string? content, int exitCode, string why)
    {
        File.Delete(TokenFile);
        if (content is not null)
            await File.WriteAllTextAsync(TokenFile, content, Cancel);

        var (ended, said) = await JoinAsync("--ca", _conductor.CaFile(_folder));

        Assert.Equal(exitCode, ended);
        Assert.Contains(why, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Join_WhereNobodyListens_SaysSo()
    {
        await _conductor.StopAsync();

        var (exitCode, said) = await JoinAsync("--ca", _conductor.CaFile(_folder));

        Assert.Equal(1, exitCode);
        Assert.Contains("nothing listens on port", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Join_WithoutKnowingWhose_IsWrongUsage()
    {
        Assert.Equal(2, (await JoinAsync()).ExitCode);
        Assert.Equal(2, (await RunnerService.RunAsync(null, "join", "--server", "http://x", "--token-file", TokenFile, "--pin", "sha256:00", "--state", State)).ExitCode);
        Assert.Equal(2, (await RunnerService.RunAsync(null, "join", "--nonsense")).ExitCode);
    }

    [Fact]
    public async Task Run_BeforeAJoin_SaysWhatToDo()
    {
        var (exitCode, said) = await RunnerService.RunAsync(null, "run", "--state", State);

        Assert.Equal(3, exitCode);
        Assert.Contains("This machine has not joined a conductor", said, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Said)> JoinAsync(params string[] options) =>
        RunnerService.RunAsync(null, ["join", "--server", _conductor.Address.ToString(), "--token-file", TokenFile, "--state", State, .. options]);

    private static async Task<WebApplication> PlainAsync(string pem)
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        app.Urls.Add($"http://{IPAddress.Loopback}:0");
        app.MapGet("/ca.pem", () => Results.Text(pem));
        await app.StartAsync();
        return app;
    }
}
