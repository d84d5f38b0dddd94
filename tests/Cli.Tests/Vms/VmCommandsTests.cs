using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Cli.Display;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Vms;

public sealed class VmCommandsTests
{
    private static IResult Answer(Vm vm) => TestConductor.Answer(vm, ApiJson.Default.Vm);

    private static void MapAll(WebApplication app, params Vm[] vms) => app.MapGet(Routes.AllVms, () => TestConductor.Answer(new Page<Vm>(vms, null), ApiJson.Default.PageVm));

    [Fact]
    public async Task List_SeveralVms_IsATableByRunnerAndName()
    {
        await using var conductor = await TestConductor.StartAsync(app => MapAll(app, Samples.Web, Samples.Broken));

        Assert.Equal(
            """
            VM         STATE     SINCE   MEMORY    CPUS   ADDRESS     PORTS                           IMAGE OR CAUSE
            kvm1/db    failed    5m      512 MiB   1      -           -                               The image has two disks.
            kvm1/web   running   5m      2.0 GiB   2      10.88.0.7   8080:80,[fd00::1]:5353:53/udp   registry.example/team/web:1

            """,
            (await conductor.RunAsync("vm", "list")).Succeeded());
    }

    [Fact]
    public async Task Show_Vm_HasAllButItsUserData()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Vm, () => Answer(Samples.Web)));

        Assert.Equal(
            $"""
            Name:        web
            Id:          019bc14e-0000-7000-8000-0000000000b1
            Runner:      kvm1
            State:       running since 2026-01-15 11:55:00Z
            Shall be:    running
            Image:       registry.example/team/web:1
            Digest:      sha256:{new string('a', 64)}
            Memory:      2.0 GiB
            Processors:  2, emulated (tcg): slow
            Address:     10.88.0.7
            MAC:         52:54:00:aa:bb:01
            Published:   8080:80
            Published:   [fd00::1]:5353:53/udp
            SSH keys:    1
            User data:   yes; it is not shown
            Created:     2026-01-15 11:00:00Z

            """,
            (await conductor.RunAsync("vm", "show", "kvm1/web")).Succeeded());
    }

    [Fact]
    public async Task Vm_ByItsNameAlone_IsFoundWhereItIsTheOnlyOne()
    {
        var asked = new List<string>();
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            MapAll(app, Samples.Web, Samples.Broken, Samples.Broken with { Runner = "kvm2" });
            app.MapGet(Routes.Vm, (string runner, string vm) =>
            {
                asked.Add($"{runner}/{vm}");
                return Answer(Samples.Web);
            });
        });

        (await conductor.RunAsync("vm", "show", "WEB")).Succeeded();
        Assert.Equal(["kvm1/web"], asked);
        Assert.Contains("kvm1/db, kvm2/db", (await conductor.RunAsync("vm", "show", "db")).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("There is no VM 'mail'", (await conductor.RunAsync("vm", "show", "mail")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        (await conductor.RunAsync("vm", "show", "a/b/c")).EndedWith(ExitCodes.WrongUsage);
    }

    [Fact]
    public async Task Create_SendsWhatWasGiven()
    {
        (string Runner, CreateVm? Vm) asked = default;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.Vms, async (string runner, HttpRequest request) =>
        {
            asked = (runner, await request.ReadFromJsonAsync(ApiJson.Default.CreateVm));
            return Answer(Samples.Web with { State = VmState.Pending });
        }));
        var key = conductor.Folder.Write("key.pub", Encoding.ASCII.GetBytes("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGjC3mE5uXx8hJ3Zr1mSVmmm0m9wLp6PqGqJHk7p9Wf1 ops\n"));
        var userData = conductor.Folder.Write("user-data", "#cloud-config\n"u8);

        var output = (await conductor.RunAsync(
            "vm", "create", "web", "--runner", "kvm1", "--image", "registry.example/web:1", "--memory", "2G", "--cpus", "2", "-p", "8080:80", "--publish", "127.0.0.1:5353:53/udp",
            "--publish", "[fd00::1]:443:443", "--network", "lan", "--address", "10.88.0.9", "--hostname", "www", "--ssh-key", key, "--user-data", userData, "--stop-seconds", "30", "--stopped")).Succeeded();

        Assert.Equal("kvm1", asked.Runner);
        Assert.Equal(
            JsonSerializer.Serialize(
                new CreateVm(
                    "web", "registry.example/web:1", 2048, 2, [new PublishedPort(8080, 80), new PublishedPort(5353, 53, "127.0.0.1", "udp"), new PublishedPort(443, 443, "fd00::1")], "lan", "10.88.0.9", "www",
                    ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGjC3mE5uXx8hJ3Zr1mSVmmm0m9wLp6PqGqJHk7p9Wf1 ops"], "#cloud-config\n", StopSeconds: 30, Target: VmTarget.Stopped),
                ApiJson.Default.CreateVm),
            JsonSerializer.Serialize(asked.Vm!, ApiJson.Default.CreateVm));
        Assert.StartsWith("Created kvm1/web from registry.example/team/web:1: pending.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--memory is '2'.", "--memory", "2")]
    [InlineData("--memory is '99999999T'.", "--memory", "99999999T")]
    [InlineData("--publish is '80'.", "--publish", "80")]
    [InlineData("--publish is '0:80'.", "--publish", "0:80")]
    [InlineData("--publish is '80:80/sctp'.", "--publish", "80:80/sctp")]
    [InlineData("--publish is 'host:80:80'.", "--publish", "host:80:80")]
    [InlineData("--publish is '::1:80:80'.", "--publish", "::1:80:80")]
    [InlineData("--cpus is 'two'; it is a whole number.", "--cpus", "two")]
    public async Task Create_OfWhatCannotBe_IsWrongUsage(string error, params string[] options) =>
        Assert.Contains(error, (await CommandRun.Of(["vm", "create", "web", "--runner", "r", "--image", "i", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    [Fact]
    public async Task Create_AndWait_EndsWhenItRuns()
    {
        var states = new Queue<Vm>([Samples.Web with { State = VmState.Pulling }, Samples.Web with { State = VmState.Starting }, Samples.Web]);
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapPost(Routes.Vms, () => Answer(Samples.Web with { State = VmState.Pending }));
            app.MapGet(Routes.Vm, (string vm) => vm == Samples.Web.Id ? Answer(states.Dequeue()) : TestConductor.Refuse(404, "by another name"));
        });

        Assert.Equal("kvm1/web is running, at 10.88.0.7.\n", (await conductor.RunAsync("vm", "create", "web", "--runner", "kvm1", "--image", "i", "--wait")).Succeeded());
        Assert.Empty(states);
    }

    [Theory]
    [InlineData("kvm1/web failed: The image has two disks.", VmState.Failed, VmTarget.Running, "The image has two disks.")]
    [InlineData("kvm1/web was started, and has ended by itself with 0.", VmState.Stopped, VmTarget.Running, null)]
    [InlineData("kvm1/web: Its runner is silent.", VmState.Unknown, VmTarget.Running, "Its runner is silent.")]
    [InlineData("Somebody else asked for something else: kvm1/web shall be stopped.", VmState.Stopping, VmTarget.Stopped, null)]
    public async Task Start_AndWait_EndsWhereItWillNotRun(string error, VmState state, VmTarget target, string? cause)
    {
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapPost(Routes.VmAction, (string action) => Answer(Samples.Web with { State = VmState.Starting }));
            app.MapGet(Routes.Vm, () => Answer(Samples.Web with { State = state, Target = target, Cause = cause, ExitCode = 0 }));
        });

        Assert.StartsWith($"error: {error}", (await conductor.RunAsync("vm", "start", "kvm1/web", "--wait")).EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("start")]
    [InlineData("stop")]
    [InlineData("restart")]
    public async Task Order_WithoutWaiting_SaysWhatItShallBe(string action)
    {
        var asked = new List<string>();
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.VmAction, (string runner, string vm, string action) =>
        {
            asked.Add($"{runner}/{vm} {action}");
            return Answer(Samples.Web with { State = VmState.Stopping, Target = VmTarget.Stopped });
        }));

        Assert.Equal("kvm1/web is stopping; it shall be stopped.\n", (await conductor.RunAsync("vm", action, "kvm1/web")).Succeeded());
        Assert.Equal([$"kvm1/web {action}"], asked);
    }

    [Fact]
    public async Task Delete_AndWait_EndsWhenItIsGone()
    {
        var left = 2;
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapDelete(Routes.Vm, () => Results.Json(Samples.Web with { State = VmState.Deleting, Target = VmTarget.Deleted }, ApiJson.Default.Vm, statusCode: 202));
            app.MapGet(Routes.Vm, () => left-- > 0 ? Answer(Samples.Web with { State = VmState.Deleting, Target = VmTarget.Deleted }) : TestConductor.Refuse(404, "There is no VM."));
        });

        Assert.Equal("kvm1/web is deleted, and its disk.\n", (await conductor.RunAsync("vm", "delete", "kvm1/web", "--wait")).Succeeded());
    }

    [Fact]
    public async Task Delete_OfAVmWhoseRunnerIsLost_DoesNotWaitForEver()
    {
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapDelete(Routes.Vm, () => Results.Json(Samples.Web with { State = VmState.Deleting, Target = VmTarget.Deleted, Cause = "It waits for runner kvm1." }, ApiJson.Default.Vm, statusCode: 202));
            app.MapGet(Routes.Runner, () => TestConductor.Answer(Samples.Ready with { State = RunnerState.Lost }, ApiJson.Default.Runner));
        });

        Assert.Contains("It waits for runner kvm1.", (await conductor.RunAsync("vm", "delete", "kvm1/web", "--wait")).EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_ByForce_SaysWhatItMeant()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapDelete(Routes.Vm, (bool force) => force ? Results.NoContent() : TestConductor.Refuse(409, "no")));

        Assert.Equal("Forgot kvm1/web: if it still runs there, it runs on.\n", (await conductor.RunAsync("vm", "delete", "kvm1/web", "--force")).Succeeded());
    }

    [Theory]
    [InlineData("logs", Routes.VmLogs)]
    [InlineData("console-log", Routes.VmConsoleLog)]
    public async Task Text_IntoAFile_IsAsItIsAndOnATerminalSteersNothing(string word, string route)
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(route, () => Results.Bytes("one\r\n\e[2Jtwo \xff\n"u8.ToArray())));
        using var file = new MemoryStream();

        (await CommandRun.Of(conductor.Operator with { Bytes = new ByteConsole(Stream.Null, file, null) }, "vm", word, "kvm1/web")).Succeeded();
        Assert.Equal("one\r\n\e[2Jtwo \xff\n"u8.ToArray(), file.ToArray());

        Assert.Equal("one\n?[2Jtwo \u00ff\n", (await CommandRun.Of(conductor.Operator with { Terminal = true }, "vm", word, "kvm1/web")).Succeeded());
    }

    [Fact]
    public async Task Text_ThatBreaksOff_IsNoSuccess()
    {
        using var file = new MemoryStream();
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.VmLogs, async (HttpContext context) =>
        {
            await context.Response.Body.WriteAsync("one\n"u8.ToArray(), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            while (file.Length == 0)
                await Task.Delay(20, context.RequestAborted);
            context.Abort();
        }));

        var run = await CommandRun.Of(conductor.Operator with { Bytes = new ByteConsole(Stream.Null, file, null) }, "vm", "logs", "kvm1/web");

        Assert.Contains("The text of VM kvm1/web broke off", run.EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
        Assert.Equal("one\n"u8.ToArray(), file.ToArray());
    }
}
