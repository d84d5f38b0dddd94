using System.Net;
using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Runners;

public sealed class VmTests
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGjC3mE5uXx8hJ3Zr1mSVmmm0m9wLp6PqGqJHk7p9Wf1 ops";

    private static readonly CancellationToken None = CancellationToken.None;

    private static async Task<Problem> RefusedAsync(int status, Func<Task> call)
    {
        var problem = (await Assert.ThrowsAsync<ProblemException>(call)).Problem;
        Assert.Equal(status, problem.Status);
        return problem;
    }

    private static Task<Vm> CreateAsync(TestConductor conductor, CreateVm? ask = null) => conductor.Operator.CreateVmAsync("kvm1", ask ?? new CreateVm("web", TestRunner.Image), None);

    private static Task<Vm> ShowAsync(TestConductor conductor, string vm = "web") => conductor.Operator.GetVmAsync("kvm1", vm, None);

    private static CreateVm Publishing(string name, params PublishedPort[] ports) => new(name, TestRunner.Image, Publish: ports);

    [Fact]
    public async Task Create_TillItRunsAndTillItIsGone_IsShownAsItIs()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var ask = new CreateVm("web", "registry.example:5000/team/web:1", 1024, 2, [new PublishedPort(8080, 80)], "lan", SshKeys: [Key], UserData: "#cloud-config\n");
        var vm = await CreateAsync(conductor, ask);
        Assert.Equal((VmState.Pending, VmTarget.Running, true, null), (vm.State, vm.Target, vm.HasUserData, vm.Spec.UserData));

        var order = Assert.Single((await runner.OrdersAsync()).Vms);
        Assert.Equal((vm.Id, 1, VmTarget.Running, "#cloud-config\n"), (order.Id, order.Run, order.Target, order.Spec.UserData));
        await runner.ReportAsync(1, new VmReport(vm.Id, 1, VmState.Pulling, conductor.Clock.GetUtcNow(), "12 of 60 MiB"));
        Assert.Equal((VmState.Pulling, "12 of 60 MiB"), (await ShowAsync(conductor) is var pulling ? (pulling.State, pulling.Cause) : default));
        await runner.ObeyAsync();
        vm = await ShowAsync(conductor);
        Assert.Equal((VmState.Running, "10.88.0.7", "52:54:00:aa:bb:01", "kvm"), (vm.State, vm.Address, vm.Mac, vm.Accelerator));
        Assert.Equal(new RunnerUse(1, 2, 1024 + CreateVm.OverheadMb), (await conductor.Operator.GetRunnerAsync("kvm1", None)).Used);

        Assert.Equal(VmState.Deleting, (await conductor.Operator.DeleteVmAsync("kvm1", "web", force: false, None))!.State);
        await RefusedAsync(409, () => conductor.Operator.OrderVmAsync("kvm1", "web", VmActions.Start, None));
        await RefusedAsync(409, () => CreateAsync(conductor));
        await runner.ObeyAsync();
        await RefusedAsync(404, () => ShowAsync(conductor));
        Assert.Empty((await runner.OrdersAsync()).Vms);
    }

    [Fact]
    public async Task UserData_IsSealedAndInNoAnswer()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor, new CreateVm("web", TestRunner.Image, UserData: "password: s3cret-of-the-guest"));
        foreach (var path in new[] { Routes.AllVms, Routes.For(Routes.Vms, "kvm1"), Routes.For(Routes.Vm, "kvm1", "web") })
            Assert.DoesNotContain("s3cret", (await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, path))).GetRawText(), StringComparison.Ordinal);
        await conductor.StopAsync();
        foreach (var file in Directory.GetFiles(conductor.Settings.StateDirectory, "conductor.db*"))
            Assert.True((await File.ReadAllBytesAsync(file, None)).AsSpan().IndexOf("s3cret-of"u8) < 0);
        await conductor.RestartAsync();
        Assert.Equal("password: s3cret-of-the-guest", Assert.Single((await runner.OrdersAsync()).Vms).Spec.UserData);
    }

    [Fact]
    public async Task StartStopRestart_AreOrderedOnceEachAndShownAsNotDoneYet()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor);
        await runner.ObeyAsync();
        Task<Vm> Order(string action) => conductor.Operator.OrderVmAsync("kvm1", "web", action, None);
        async Task<(long, VmTarget)> OrderedAsync() => Assert.Single((await runner.OrdersAsync()).Vms) is var vm ? (vm.Run, vm.Target) : default;

        Assert.Equal(VmState.Running, (await Order(VmActions.Start)).State);
        Assert.Equal((1, VmTarget.Running), await OrderedAsync());
        Assert.Equal(VmState.Starting, (await Order(VmActions.Restart)).State);
        Assert.Equal((2, VmTarget.Running), await OrderedAsync());
        // Said of the run before, if after the order was heard: it is not what was asked for.
        await runner.ReportAsync((await runner.OrdersAsync()).Revision, new VmReport((await ShowAsync(conductor)).Id, 1, VmState.Running, conductor.Clock.GetUtcNow()));
        Assert.Equal(VmState.Starting, (await ShowAsync(conductor)).State);
        await runner.ObeyAsync();
        Assert.Equal(VmState.Running, (await ShowAsync(conductor)).State);

        Assert.Equal(VmState.Stopping, (await Order(VmActions.Stop)).State);
        Assert.Equal(VmState.Stopping, (await Order(VmActions.Stop)).State);
        Assert.Equal((2, VmTarget.Stopped), await OrderedAsync());
        await runner.ObeyAsync();
        Assert.Equal(VmState.Stopped, (await ShowAsync(conductor)).State);
        Assert.Equal(VmState.Starting, (await Order(VmActions.Start)).State);
        Assert.Equal(VmState.Starting, (await Order(VmActions.Start)).State);
        Assert.Equal((3, VmTarget.Running), await OrderedAsync());
        await runner.ObeyAsync();

        // It ended by itself: a start is another run, and one is enough.
        await runner.ReportAsync((await runner.OrdersAsync()).Revision, new VmReport((await ShowAsync(conductor)).Id, 3, VmState.Stopped, conductor.Clock.GetUtcNow(), ExitCode: 0));
        Assert.Equal((VmState.Stopped, 0), (await ShowAsync(conductor) is var ended ? (ended.State, ended.ExitCode) : default));
        await Order(VmActions.Start);
        await Order(VmActions.Start);
        Assert.Equal((4, VmTarget.Running), await OrderedAsync());
    }

    [Fact]
    public async Task Restart_SentAgainBecauseItsAnswerWasLost_IsOne()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor);
        HttpRequestMessage Restart(string key) => new(HttpMethod.Post, Routes.For(Routes.VmAction, "kvm1", "web", VmActions.Restart)) { Headers = { { "Idempotency-Key", key } } };
        Assert.Equal(HttpStatusCode.Accepted, await conductor.StatusAsync(Restart("a")));
        Assert.Equal(HttpStatusCode.Accepted, await conductor.StatusAsync(Restart("a")));
        Assert.Equal(2, Assert.Single((await runner.OrdersAsync()).Vms).Run);
        Assert.Equal(HttpStatusCode.Accepted, await conductor.StatusAsync(Restart("b")));
        Assert.Equal(3, Assert.Single((await runner.OrdersAsync()).Vms).Run);
    }

    [Fact]
    public async Task Create_SentAgainBecauseItsAnswerWasLost_MakesOneAndForAnother_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        HttpRequestMessage Create(string image) => new(HttpMethod.Post, Routes.For(Routes.Vms, "kvm1"))
        {
            Content = new StringContent($$"""{"name":"web","image":"{{image}}"}""", Encoding.UTF8, "application/json"),
            Headers = { { "Idempotency-Key", "a" } },
        };
        var first = await conductor.SendAsync(Create(TestRunner.Image));
        // What has changed since must not refuse it: its runner lacks something now.
        await runner.ReportAsync(0, [new PreflightCheck("kvm", false, "There is no /dev/kvm.", "Switch on VT-x in the firmware.")]);
        await conductor.RestartAsync();
        Assert.Equal(first.GetProperty("id").GetString(), (await conductor.SendAsync(Create(TestRunner.Image))).GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await conductor.StatusAsync(Create("alpine")));
        Assert.Single(await conductor.Operator.ListVmsAsync(None).ToListAsync(None));
    }

    [Fact]
    public async Task Create_OnOnePortAtOnce_OneIsMade()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var creates = Enumerable.Range(1, 6).Select(number => CreateAsync(conductor, Publishing($"web{number}", new PublishedPort(8080, 80)))).ToArray();
        await Assert.ThrowsAnyAsync<ProblemException>(() => Task.WhenAll(creates));
        _ = Assert.Single(creates, create => create.IsCompletedSuccessfully);
        Assert.All(creates.Where(create => create.IsFaulted), create => Assert.Equal("urn:baremetal:problem:port-taken", ((ProblemException)create.Exception!.InnerException!).Problem.Type));
    }

    [Theory]
    [InlineData(true, "8080 tcp -", "8080 tcp 10.0.0.1")]
    [InlineData(true, "8080 tcp 0.0.0.0", "8080 tcp 10.0.0.1")]
    [InlineData(true, "8080 tcp 10.0.0.1", "8080 tcp 10.0.0.1")]
    [InlineData(true, "8080 tcp 0.0.0.0", "8080 tcp -")]
    [InlineData(false, "8080 tcp 10.0.0.2", "8080 tcp 10.0.0.1")]
    [InlineData(false, "8080 tcp -", "8080 udp -")]
    [InlineData(false, "8080 tcp -", "8081 tcp -")]
    public async Task Create_OnAPortOfAnother_IsRefusedWhereTheyMeet(bool meet, string first, string second)
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        static PublishedPort Port(string words) => words.Split(' ') is [var port, var protocol, var address] ? new PublishedPort(int.Parse(port), 80, address == "-" ? null : address, protocol) : null!;
        await CreateAsync(conductor, Publishing("web", Port(first)));
        var create = () => CreateAsync(conductor, Publishing("other", Port(second)));
        if (meet)
            Assert.Contains("VM web has port", (await RefusedAsync(409, create)).Title, StringComparison.Ordinal);
        else
            await create();
    }

    [Fact]
    public async Task Create_BeyondWhatIsFree_SaysHowMuchThatIs()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor, new CreateVm("big", TestRunner.Image, 3000));
        var problem = await RefusedAsync(409, () => CreateAsync(conductor, new CreateVm("web", TestRunner.Image, 1000)));
        Assert.Equal(("urn:baremetal:problem:no-room", "VM web needs 1128 MiB of memory (1000 and 128 around it); runner kvm1 has 968 of 4096 MiB free."), (problem.Type, problem.Title));
        await CreateAsync(conductor, new CreateVm("fits", TestRunner.Image, 968 - CreateVm.OverheadMb));
        Assert.Equal("urn:baremetal:problem:no-room", (await RefusedAsync(409, () => CreateAsync(conductor, new CreateVm("wide", TestRunner.Image, 16, 9)))).Type);
    }

    [Fact]
    public async Task Create_OnARunnerThatIsNotReady_SaysWhatItLacksAndWhatToDo()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = new TestRunner(conductor);
        await runner.JoinAsync((await conductor.Operator.MakeRunnerTokenAsync(new NewRunnerToken("kvm1"), None)).Token);
        Assert.Contains("not reported yet", (await RefusedAsync(409, () => CreateAsync(conductor))).Title, StringComparison.Ordinal);
        await runner.ReportAsync(0, [.. TestRunner.AllWell, new PreflightCheck("tun", false, "There is no /dev/net/tun.", "modprobe tun")]);
        Assert.Equal(RunnerState.NotReady, (await conductor.Operator.GetRunnerAsync("kvm1", None)).State);
        var lacking = await RefusedAsync(409, () => CreateAsync(conductor));
        Assert.Equal(("Runner kvm1 cannot take VMs (tun): There is no /dev/net/tun.", "modprobe tun"), (lacking.Title, lacking.Remedy));
        await runner.ReportAsync(0);
        Assert.Equal("urn:baremetal:problem:no-network", (await RefusedAsync(409, () => CreateAsync(conductor, new CreateVm("web", TestRunner.Image, Network: "dmz")))).Type);
        await CreateAsync(conductor, new CreateVm("web", TestRunner.Image, Network: "lan", Address: "10.88.0.9"));
        Assert.Equal("urn:baremetal:problem:address-taken", (await RefusedAsync(409, () => CreateAsync(conductor, new CreateVm("two", TestRunner.Image, Network: "lan", Address: "10.88.0.9")))).Type);
        conductor.Clock.Jump(TimeSpan.FromMinutes(2));
        Assert.Equal("urn:baremetal:problem:runner-lost", (await RefusedAsync(409, () => CreateAsync(conductor, new CreateVm("three", TestRunner.Image)))).Type);
    }

    [Theory]
    [InlineData("""{"name":"-x","image":TestRunner.Image}""")]
    [InlineData("""{"name":"web"}""")]
    [InlineData("""{"name":"web","image":"de bian"}""")]
    [InlineData("""{"name":"web","image":"-rm"}""")]
    [InlineData("""{"name":"web","image":"registry.example/Team/web:1"}""")]
    [InlineData("""{"name":"web","image":"http://registry.example/web"}""")]
    [InlineData("""{"name":"web","image":"registry.example/web@sha256:12"}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"memoryMb":15}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"memoryMb":16777217}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"processors":0}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"processors":256}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"publish":[{"hostPort":0,"guestPort":80}]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"publish":[{"hostPort":80,"guestPort":65536}]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"publish":[{"hostPort":80,"guestPort":80,"protocol":"sctp"}]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"publish":[{"hostPort":80,"guestPort":80,"hostAddress":"10.1"}]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"publish":[{"hostPort":80,"guestPort":80},{"hostPort":80,"guestPort":81,"hostAddress":"10.0.0.1"}]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"publish":[null]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"sshKeys":["ssh-ed25519 AAAA"]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"hostName":"a b"}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"address":"somewhere"}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"arguments":["-monitor\n"]}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"stopSeconds":0}""")]
    [InlineData("""{"name":"web","image":TestRunner.Image,"target":"deleted"}""")]
    public async Task Create_WhatCannotBe_IsAProblemInWords(string body)
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var problem = await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Post, Routes.For(Routes.Vms, "kvm1")) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
        Assert.Equal(400, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
        Assert.Empty(await conductor.Operator.ListVmsAsync(None).ToListAsync(None));
    }

    [Fact]
    public async Task Create_WithTooMuchUserData_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await RefusedAsync(400, () => CreateAsync(conductor, new CreateVm("web", TestRunner.Image, UserData: new string('ä', CreateVm.MostUserDataBytes / 2 + 1))));
        // Each of these is six bytes on its way.
        await RefusedAsync(400, () => CreateAsync(conductor, new CreateVm("web", TestRunner.Image, UserData: new string('\u0001', CreateVm.MostUserDataBytes))));
        await CreateAsync(conductor, new CreateVm("web", TestRunner.Image, UserData: new string('a', CreateVm.MostUserDataBytes)));
        Assert.Equal(CreateVm.MostUserDataBytes, Assert.Single((await runner.OrdersAsync()).Vms).Spec.UserData!.Length);
    }

    [Fact]
    public async Task Runner_WithVms_IsRemovedByForceAlone()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor);
        var problem = await RefusedAsync(409, () => conductor.Operator.RemoveRunnerAsync("kvm1", force: false, None));
        Assert.Contains("they are forgotten", problem.Remedy, StringComparison.Ordinal);
        await conductor.Operator.RemoveRunnerAsync("kvm1", force: true, None);
        Assert.Empty(await conductor.Operator.ListVmsAsync(None).ToListAsync(None));
    }

    [Fact]
    public async Task Delete_WhileItsRunnerIsLost_WaitsAndSaysSoUntilItIsForced()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor);
        await CreateAsync(conductor, new CreateVm("db", TestRunner.Image));
        await runner.ObeyAsync();
        // A runner that answers deletes it itself, whatever is forced.
        Assert.NotNull(await conductor.Operator.DeleteVmAsync("kvm1", "db", force: true, None));
        conductor.Clock.Jump(TimeSpan.FromMinutes(2));
        Assert.Equal((VmState.Unknown, VmTarget.Running), (await ShowAsync(conductor) is var lost ? (lost.State, lost.Target) : default));
        var deleting = await conductor.Operator.DeleteVmAsync("kvm1", "web", force: false, None);
        Assert.Equal(VmState.Deleting, deleting!.State);
        Assert.Contains("waits for runner kvm1", deleting.Cause, StringComparison.Ordinal);
        Assert.Null(await conductor.Operator.DeleteVmAsync("kvm1", "web", force: true, None));
        await RefusedAsync(404, () => ShowAsync(conductor));
    }

    [Fact]
    public async Task List_OfARunnerAndOfAll_GivesEachOnceInPages()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var one = await TestRunner.StartAsync(conductor);
        using var two = await TestRunner.StartAsync(conductor, "kvm2");
        foreach (var name in new[] { "a", "b", "c" })
        {
            await CreateAsync(conductor, new CreateVm(name, TestRunner.Image));
            await conductor.Operator.CreateVmAsync("kvm2", new CreateVm(name, TestRunner.Image), None);
        }
        async Task<List<string>> PagesAsync(string path)
        {
            var names = new List<string>();
            string? after = null;
            do
            {
                var page = await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"{path}?limit=2{(after is null ? "" : $"&after={after}")}"));
                names.AddRange(page.GetProperty("items").EnumerateArray().Select(vm => $"{vm.GetProperty("runner").GetString()}/{vm.GetProperty("name").GetString()}"));
                after = page.TryGetProperty("next", out var next) ? next.GetString() : null;
            }
            while (after is not null);
            return names;
        }
        Assert.Equal(["kvm2/a", "kvm2/b", "kvm2/c"], await PagesAsync(Routes.For(Routes.Vms, "kvm2")));
        Assert.Equal(["kvm1/a", "kvm1/b", "kvm1/c", "kvm2/a", "kvm2/b", "kvm2/c"], (await PagesAsync(Routes.AllVms)).Order());
    }

    [Fact]
    public async Task Acts_OnRunnersAndVms_AreLoggedOnceEachWithWhoDidThem()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor);
        await runner.ObeyAsync();
        foreach (var action in new[] { VmActions.Start, VmActions.Stop, VmActions.Stop, VmActions.Restart })
            await conductor.Operator.OrderVmAsync("kvm1", "web", action, None);
        await conductor.Operator.DeleteVmAsync("kvm1", "web", force: false, None);
        await conductor.Operator.RemoveRunnerAsync("kvm1", force: true, None);
        Assert.Equal(
            [
                "Operator admin made a token for runner kvm1 to join by",
                "Operator admin created VM kvm1/web",
                "Operator admin stopped VM kvm1/web",
                "Operator admin restarted VM kvm1/web",
                "Operator admin deleted VM kvm1/web",
                "Operator admin removed runner kvm1",
            ],
            conductor.Log.Where(line => line.StartsWith("Operator ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task SecretsKey_LostWhileAVmHasUserData_IsNoticed()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await CreateAsync(conductor, new CreateVm("web", TestRunner.Image, UserData: "x"));
        await conductor.StopAsync();
        File.Delete(conductor.StatePath("secrets.key"));
        var error = await Assert.ThrowsAnyAsync<InvalidDataException>(() => conductor.RestartAsync());
        Assert.Contains("holds 1 secrets", error.Message, StringComparison.Ordinal);
    }
}
