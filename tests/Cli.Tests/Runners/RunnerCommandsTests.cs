using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Runners;

public sealed class RunnerCommandsTests
{
    [Fact]
    public async Task List_SeveralRunners_IsATableByName()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Runners, () =>
            TestConductor.Answer(new Page<Runner>([Samples.NotReady, Samples.Ready], null), ApiJson.Default.PageRunner)));

        Assert.Equal(
            """
            NAME   STATE       SINCE   VMS   PROCESSORS   MEMORY FREE      ADDRESS      CAUSE
            kvm1   ready       3h      3     32           104 of 128 GiB   10.0.0.112   -
            kvm2   not-ready   3h      0     -            -                -            tun: There is no /dev/net/tun.

            """,
            (await conductor.RunAsync("runner", "list")).Succeeded());
    }

    [Fact]
    public async Task List_NoRunner_SaysHowTheFirstOneComes()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Runners, () => TestConductor.Answer(new Page<Runner>([], null), ApiJson.Default.PageRunner)));

        Assert.Contains("conductor runner token", (await conductor.RunAsync("runner", "list")).Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_Runner_HasWhatItHasAndWhatItsVmsWerePromised()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Runner, (string runner) => TestConductor.Answer(Samples.Ready, ApiJson.Default.Runner)));

        Assert.Equal(
            """
            Name:         kvm1
            Id:           019bc14e-0000-7000-8000-0000000000a1
            State:        ready since 2026-01-15 09:00:00Z
            Node:         r12
            Address:      10.0.0.112
            Version:      0.1.0
            Joined:       2026-01-13 12:00:00Z
            Last seen:    2026-01-15 11:59:56Z
            VMs:          3, with 6 processors and 24.0 GiB
            Processors:   32
            Memory:       104 of 128 GiB free
            Disk:         512 of 900 GiB free
            Accelerator:  kvm
            Engine:       podman 5.4.2
            Networks:     baremetal, lan

            CHECK   PASSED   FINDING
            kvm     yes      /dev/kvm makes VMs.

            """,
            (await conductor.RunAsync("runner", "show", "kvm1")).Succeeded());
    }

    [Fact]
    public async Task Show_RunnerThatLacksSomething_HasTheRemedy()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Runner, (string runner) => TestConductor.Answer(Samples.NotReady, ApiJson.Default.Runner)));

        Assert.EndsWith(
            """
            tun     no       There is no /dev/net/tun.
            tun: modprobe tun

            """,
            (await conductor.RunAsync("runner", "show", "kvm2")).Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_ForARunner_SaysWhatToTypeThere()
    {
        NewRunnerToken? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.RunnerTokens, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.NewRunnerToken);
            return TestConductor.Answer(new RunnerToken($"bmr1_{new string('a', 32)}", "kvm1", CommandRun.Now.AddHours(2), $"sha256:{new string('b', 64)}"), ApiJson.Default.RunnerToken);
        }));

        var output = (await conductor.RunAsync("runner", "token", "--name", "kvm1", "--for", "2h", "--rejoin")).Succeeded();

        Assert.Equal(new NewRunnerToken("kvm1", 7200, Rejoin: true), asked);
        Assert.Equal(
            $"""
            A token for runner kvm1, good until 2026-01-15 14:00:00Z:

              bmr1_{new string('a', 32)}

            It is shown this once. On the machine, with the token in a file:

              vm-runner join --server https://CONDUCTOR:{conductor.Address.Port} --token-file FILE \
                --pin sha256:{new string('b', 64)}

            """,
            output);
    }

    [Fact]
    public async Task Token_AsJson_IsTheApisOwn()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.RunnerTokens, () =>
            TestConductor.Answer(new RunnerToken("bmr1_x", null, CommandRun.Now, "sha256:b"), ApiJson.Default.RunnerToken)));

        Assert.Equal("bmr1_x", JsonSerializer.Deserialize((await conductor.RunAsync("runner", "token", "-o", "json")).Succeeded(), ApiJson.Default.RunnerToken)!.Token);
    }

    [Theory]
    [InlineData("--for is '2x'.", "--for", "2x")]
    [InlineData("--rejoin is for a runner that there is", "--rejoin")]
    public async Task Token_OfWhatCannotBe_IsWrongUsage(string error, params string[] options) =>
        Assert.Contains(error, (await CommandRun.Of(["runner", "token", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("?force=true", "--force")]
    public async Task Remove_AsksForForceWhereItIsGiven(string query, params string[] options)
    {
        var asked = new List<string>();
        await using var conductor = await TestConductor.StartAsync(app => app.MapDelete(Routes.Runner, (string runner, HttpRequest request) =>
        {
            asked.Add(runner + request.QueryString);
            return Results.NoContent();
        }));

        Assert.Contains("Removed kvm1", (await conductor.RunAsync(["runner", "remove", "kvm1", .. options])).Succeeded(), StringComparison.Ordinal);
        Assert.Equal([$"kvm1{query}"], asked);
    }
}
