using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests;

/// <summary>Where the conductor's address, the token and the CA come from.</summary>
public sealed class ConductorAccessTests : IAsyncLifetime
{
    private readonly List<string> _tokens = [];
    private TestConductor _conductor = null!;

    public async ValueTask InitializeAsync() => _conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, (HttpRequest request) =>
    {
        _tokens.Add(request.Headers.Authorization.ToString());
        return TestConductor.Answer(new Page<Node>([], null), ApiJson.Default.PageNode);
    }));

    public ValueTask DisposeAsync() => _conductor.DisposeAsync();

    private static Task<CommandRun> ListAsync(Surroundings around, params string[] options) => CommandRun.Of(around, ["node", "list", .. options]);

    private string Write(string name, string content) => _conductor.Folder.Write(name, System.Text.Encoding.ASCII.GetBytes(content));

    [Fact]
    public async Task Options_AboveVariables()
    {
        var around = _conductor.Operator with { Variables = new() { ["CONDUCTOR_SERVER"] = "https://127.0.0.1:1", ["CONDUCTOR_TOKEN"] = "other", ["CONDUCTOR_CA"] = "/nonexistent" } };

        (await ListAsync(around, "--server", _conductor.Address.ToString(), "--token", Write("t", "bm1_file\n"), "--ca", _conductor.CaFile)).Succeeded();

        Assert.Equal(["Bearer bm1_file"], _tokens);
    }

    [Fact]
    public async Task Options_MayStandBeforeTheCommand()
    {
        (await CommandRun.Of("--server", _conductor.Address.ToString(), "--token", Write("t", "bm1_file"), "--ca", _conductor.CaFile, "node", "list")).Succeeded();

        Assert.Equal(["Bearer bm1_file"], _tokens);
    }

    [Fact]
    public async Task TokenDash_IsReadFromStandardInput()
    {
        (await ListAsync(_conductor.Operator with { Input = "bm1_stdin\n" }, "--token", "-")).Succeeded();

        Assert.Equal(["Bearer bm1_stdin"], _tokens);
    }

    [Fact]
    public async Task OperatorsFiles_WithoutVariables_AreEnough()
    {
        Write("server", _conductor.Address + "\n");
        Write("token", "bm1_own\n");

        (await ListAsync(new Surroundings { ConfigDirectory = _conductor.Folder.Path })).Succeeded();

        Assert.Equal(["Bearer bm1_own"], _tokens);
    }

    [Fact]
    public async Task OwnMachine_WithItsStateDirectory_NeedsNoTokenAndNoCa()
    {
        Write("admin.token", "bm1_admin\n");
        var around = new Surroundings { StateDirectory = _conductor.Folder.Path };

        (await ListAsync(around, "--server", _conductor.Address.ToString())).Succeeded();

        Assert.Equal(["Bearer bm1_admin"], _tokens);
    }

    [Fact]
    public async Task OwnMachine_WithoutAnySetting_IsLocalhost()
    {
        Write("admin.token", "bm1_admin\n");
        // Whatever may answer at that port has another CA: it cannot prove itself, and is told nothing.
        var error = (await ListAsync(new Surroundings { StateDirectory = _conductor.Folder.Path })).EndedWith(ExitCodes.Failed);

        Assert.Contains("https://localhost:8443/", error, StringComparison.Ordinal);
        Assert.Empty(_tokens);
    }

    [Fact]
    public async Task OtherMachine_StateDirectoryHere_IsNotGivenTheLocalToken()
    {
        Write("admin.token", "bm1_admin\n");
        var error = (await ListAsync(new Surroundings { StateDirectory = _conductor.Folder.Path }, "--server", "https://conductor.example", "--ca", _conductor.CaFile)).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains("Nothing says who you are", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServerHere_WithoutItsCaOrToken_NamesTheWaysToGiveThem()
    {
        var around = new Surroundings { StateDirectory = _conductor.Folder["nowhere"] };
        var server = _conductor.Address.ToString();

        var noCa = (await ListAsync(around, "--server", server)).EndedWith(ExitCodes.NotFound);
        var noToken = (await ListAsync(around, "--server", server, "--ca", _conductor.CaFile)).EndedWith(ExitCodes.NotFound);

        Assert.Contains("nowhere/ca.pem does not exist. hint: Give --ca FILE, set CONDUCTOR_CA, or put it into /nonexistent/config as ca.pem: it is ca.pem in the conductor's state directory.", noCa, StringComparison.Ordinal);
        Assert.Contains("nowhere/admin.token does not exist. hint: Give --token FILE, set CONDUCTOR_TOKEN, or write the token into /nonexistent/config/token", noToken, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://conductor.example:8443")]
    [InlineData("ftp://conductor.example")]
    [InlineData("https://user:pass@conductor.example")]
    [InlineData("https://conductor.example/v1")]
    [InlineData("https://")]
    public async Task Server_NotAnHttpsAddress_IsWrongUsage(string server)
    {
        var error = (await ListAsync(_conductor.Operator, "--server", server)).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains($"'{server}' is no address of a conductor", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenOnTheCommandLine_IsRefusedWithoutRepeatingIt()
    {
        var error = (await ListAsync(_conductor.Operator, "--token", "bm1_aaaa_bbbb")).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains("--token takes a file", error, StringComparison.Ordinal);
        Assert.DoesNotContain("bbbb", error, StringComparison.Ordinal);
        Assert.Empty(_tokens);
    }

    [Fact]
    public async Task TokenWithOtherCharacters_IsRefusedBeforeAnythingIsSent()
    {
        var error = (await ListAsync(_conductor.Operator, "--token", Write("t", "bm1_a\r\nX-Evil: 1"))).EndedWith(ExitCodes.Refused);

        Assert.Contains("characters that no token has", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingSet_NamesTheThreeWays()
    {
        var error = (await ListAsync(new Surroundings())).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains("--server", error, StringComparison.Ordinal);
        Assert.Contains("CONDUCTOR_SERVER", error, StringComparison.Ordinal);
        Assert.Contains("/nonexistent/config/server", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OtherCa_IsNotTalkedTo()
    {
        OpenSsl.MakeCa(_conductor.Folder["other.key"], _conductor.Folder["other.pem"]);

        var error = (await ListAsync(_conductor.Operator, "--ca", _conductor.Folder["other.pem"])).EndedWith(ExitCodes.Failed);

        Assert.Contains("did not prove that it is the conductor", error, StringComparison.Ordinal);
        Assert.Empty(_tokens);
    }

    [Fact]
    public async Task NobodyListens_NamesTheServer()
    {
        await _conductor.StopAsync();

        var error = (await ListAsync(_conductor.Operator)).EndedWith(ExitCodes.Failed);

        Assert.Contains($"{_conductor.Address} cannot be reached: the machine is there, but nothing listens on port {_conductor.Address.Port}", error, StringComparison.Ordinal);
        Assert.Contains("hint: See that the conductor runs", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HostThatNobodyKnows_IsNamed()
    {
        var error = (await ListAsync(_conductor.Operator, "--server", "https://conductor.invalid")).EndedWith(ExitCodes.Failed);

        Assert.Contains("nobody knows a host 'conductor.invalid'", error, StringComparison.Ordinal);
        Assert.Contains("hint: Check how it is written", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlainPort_IsNotTakenForAnotherConductor()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        await using var plain = builder.Build();
        await plain.StartAsync(TestContext.Current.CancellationToken);

        var error = (await ListAsync(_conductor.Operator, "--server", plain.Urls.Single().Replace("http:", "https:", StringComparison.Ordinal))).EndedWith(ExitCodes.Failed);

        Assert.Contains("does not speak TLS", error, StringComparison.Ordinal);
        Assert.Contains("tlsPort", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenFileThatIsADirectory_IsCalledThat()
    {
        var error = (await ListAsync(_conductor.Operator, "--token", _conductor.Folder.Path)).EndedWith(ExitCodes.Refused);

        Assert.Contains($"The token {_conductor.Folder.Path} is a directory", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenThatTheConductorDoesNotKnow_IsExplainedInWordsOfTheCommandLine()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, () => Results.Json(
            new Problem(Problem.Unauthenticated, "The token is not known to this conductor.", 401, Remedy: "Send 'Authorization: Bearer TOKEN'."), ApiJson.Default.Problem, "application/problem+json", 401)));

        var error = (await conductor.RunAsync("node", "list")).EndedWith(ExitCodes.Refused);

        Assert.Contains("error: The token is not known to this conductor. hint: The token is that of --token FILE, CONDUCTOR_TOKEN", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Bearer", error, StringComparison.Ordinal);
    }
}
