using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Lab;
using Baremetal.VmRunner.Host;
using Baremetal.VmRunner.Supervisor;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests.Host;

/// <summary>The service with a conductor over TLS, and VMs in containers of podman and runc.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class RunnerServiceTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Vm_FromItsCreationToItsEnd_IsAsItIsOrdered()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = await JoinedAsync(host);
        await using var service = RunnerService.Start(host);
        var image = await TinyAsync(host);
        // One that is not ours, on the same network and with a name like ours.
        var foreign = (await host.PodmanAsync("create", "--name", "vm-foreign", "--network", "none", VmHost.Base)).Trim();

        conductor.Order("a1", 1, VmTarget.Running, Spec(image) with { HostName = "web", UserData = "#!/bin/sh\n", SshKeys = ["ssh-ed25519 AAAA x"] });
        var first = await conductor.SeesAsync("a1", vm => vm.State == VmState.Running, "the VM to run", service);
        Assert.Equal((1, "tcg"), (first.Run, first.Accelerator));
        Assert.StartsWith("sha256:", first.ImageDigest, StringComparison.Ordinal);
        await ReadyAsync(conductor, "a1", $" ip={first.Address} ");
        Assert.Contains("\"hostname\":\"web\"", await File.ReadAllTextAsync(Path.Combine(Folder(host, "a1"), "meta", "meta.json"), Cancel), StringComparison.Ordinal);

        // What can be looked at.
        Assert.Contains($"the address {first.Address} and the MAC {first.Mac}", (await conductor.LookToTheEndAsync("a1", VmView.Logs)).Text, StringComparison.Ordinal);
        using (var screen = await conductor.LookAsync("a1", VmView.Vnc))
        {
            var hello = new byte[12];
            await screen.ReceiveAsync(hello, Cancel);
            Assert.Equal("RFB 003.008\n", Encoding.ASCII.GetString(hello));
            await screen.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
        }

        // Stopped, and started again: the same disk and the same address.
        conductor.Order("a1", 1, VmTarget.Stopped);
        await conductor.SeesAsync("a1", vm => vm.State == VmState.Stopped, "the VM to stop", service);
        var disk = Path.Combine(Folder(host, "a1"), "image", "sda.qcow2");
        var made = File.GetCreationTimeUtc(disk);
        Assert.Contains("The VM does not run.", (await conductor.LookToTheEndAsync("a1", VmView.Serial)).End, StringComparison.Ordinal);
        conductor.Order("a1", 2, VmTarget.Running);
        var second = await conductor.SeesAsync("a1", vm => vm is { Run: 2, State: VmState.Running }, "the VM to run again", service);
        Assert.Equal((first.Address, first.Mac, first.ImageDigest), (second.Address, second.Mac, second.ImageDigest));
        Assert.Equal(made, File.GetCreationTimeUtc(disk));

        // Its guest switches itself off, told so on its console: it stays off.
        await ReadyAsync(conductor, "a1", $" ip={first.Address} ", boots: 2);
        await TypeAsync(conductor, "a1", "\npoweroff -f\n");
        var off = await conductor.SeesAsync("a1", vm => vm.State == VmState.Stopped, "the guest to switch itself off", service);
        Assert.Equal((2, ExitCodes.Done), (off.Run, off.ExitCode));

        // It goes, with all that it had; the other is as it was.
        conductor.Order("a1", 2, VmTarget.Deleted);
        await conductor.SeesAsync("a1", vm => vm.IsGone, "the VM to be gone", service);
        Assert.False(Directory.Exists(Folder(host, "a1")));
        Assert.Equal(foreign, (await host.PodmanAsync("ps", "--all", "--quiet", "--no-trunc")).Trim());
        Assert.Equal("created", (await host.InspectAsync("vm-foreign")).GetProperty("State").GetProperty("Status").GetString());
        // Told of once more for as long as it is named, and then no more.
        conductor.Forget("a1");
        await WaitAsync(() => conductor.Last!.Vms.Length == 0, "no more word of it");
    }

    [Fact]
    public async Task Vm_WhileTheServiceDiesOrTheConductorIsAway_LivesOnAndIsTakenUpAgain()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = await JoinedAsync(host);
        var image = await TinyAsync(host);
        int pid;
        await using (var killed = RunnerService.Start(host))
        {
            conductor.Order("a1", 1, VmTarget.Running, Spec(image));
            await conductor.SeesAsync("a1", vm => vm.State == VmState.Running, "the VM to run", killed);
            pid = await QemuAsync(host, "vm-a1");
            await killed.KillAsync();
        }
        Assert.True(Directory.Exists($"/proc/{pid}"));

        // Taken up by its label, untouched, and without a conductor.
        await conductor.StopAsync();
        await using var service = RunnerService.Start(host);
        await service.SaysAsync("cannot be reached");
        Assert.Contains("Until then the VMs are kept as they were ordered last.", service.Said, StringComparison.Ordinal);
        Assert.Equal(pid, await QemuAsync(host, "vm-a1"));

        // QEMU dies: that is none of the guest's doing, and it is started again, conductor or not.
        System.Diagnostics.Process.GetProcessById(pid).Kill();
        await service.SaysAsync($"It ended by itself with exit code {ExitCodes.NoMachine} and is started again in 1 s.");
        await service.SaysAsync("VM web is started");
        Assert.Equal(1, service.Said.Split("cannot be reached").Length - 1);
        await conductor.StartAsync();
        await conductor.SeesAsync("a1", vm => vm is { State: VmState.Running, Run: 1 }, "the VM to be told of", service);
        pid = await QemuAsync(host, "vm-a1");

        // The conductor does not know it any more.
        conductor.Forgets = true;
        await service.SaysAsync("does not know this runner any more");
        Assert.Contains("joins again", service.Said, StringComparison.Ordinal);
        Assert.Equal(pid, await QemuAsync(host, "vm-a1"));
        conductor.Forgets = false;
        Assert.Equal(0, await service.StopAsync());
        Assert.True(Directory.Exists($"/proc/{pid}"));

        // The host restarts: its containers are dead, and its kernel says that it is another boot.
        await host.PodmanAsync("kill", "vm-a1");
        var path = Path.Combine(Folder(host, "a1"), "vm.json");
        var record = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path, Cancel), VmRecordJson.Default.VmRecord)!;
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(record with { BootId = "an earlier one" }, VmRecordJson.Default.VmRecord), Cancel);
        await using var again = RunnerService.Start(host);
        await again.SaysAsync("VM web is started");
        Assert.DoesNotContain("ended by itself", again.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Vm_ThatCannotRun_SaysWhyAndHoldsUpNoOther()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = await JoinedAsync(host);
        await using var service = RunnerService.Start(host);
        var two = await host.BuildAsync("FROM scratch\nCOPY tiny.qcow2 /disk/a\nCOPY tiny.qcow2 /disk/b\n", BuildOutputs.TinyImage);
        var image = await TinyAsync(host);

        conductor.Order("two", 1, VmTarget.Running, Spec(two) with { Name = "two" });
        conductor.Order("away", 1, VmTarget.Running, Spec("127.0.0.1:1/x/y:1") with { Name = "away" });
        conductor.Order("nowhere", 1, VmTarget.Running, Spec("nowhere:1") with { Name = "nowhere" });
        conductor.Order("file", 1, VmTarget.Running, Spec("docker-archive:/etc/passwd") with { Name = "file" });
        conductor.Order("option", 1, VmTarget.Running, Spec(image) with { Name = "option", DiskOptions = "-drive file=/etc/shadow" });
        conductor.Order("port", 1, VmTarget.Running, Spec(image) with { Name = "port", Publish = [new PublishedPort(8080, 80, "192.0.2.1")] });
        conductor.Order("well", 1, VmTarget.Running, Spec(image) with { Name = "well" });

        await conductor.SeesAsync("well", vm => vm.State == VmState.Running, "the VM without a fault to run", service);
        await FailsAsync("two", "must contain exactly one disk; there are a, b.");
        await FailsAsync("nowhere", "names no registry to fetch it from");
        await FailsAsync("file", "is no name of an image");
        await FailsAsync("option", "has file '/etc/shadow'");
        await FailsAsync("port", "Tried again in");
        await FailsAsync("away", "could not be fetched");
        Assert.Equal(1, conductor.Last!.Vms.First(vm => vm.Id == "away").Run);
        // What may pass is tried again, later each time; what cannot is not.
        await conductor.SeesAsync("away", vm => vm.State == VmState.Failed && vm.Cause!.EndsWith("Tried again in 4 s.", StringComparison.Ordinal), "a third attempt", service);
        Assert.Equal(1, conductor.History.Count(vm => vm is { Id: "two", State: VmState.Failed }));
        Assert.Equal("vm-port\nvm-well", string.Join('\n', (await host.PodmanAsync("ps", "--all", "--format", "{{.Names}}")).Trim().Split('\n').Order()));

        // Deleted, each of them, whatever became of it.
        foreach (var id in new[] { "two", "away", "nowhere", "file", "option", "port", "well" })
            conductor.Order(id, 1, VmTarget.Deleted);
        foreach (var id in new[] { "two", "away", "nowhere", "file", "option", "port", "well" })
            await conductor.SeesAsync(id, vm => vm.IsGone, $"{id} to be gone", service);
        Assert.Empty(await host.PodmanAsync("ps", "--all", "--quiet"));
        Assert.Empty(Directory.GetDirectories(Path.Combine(RunnerService.State(host), "vms")));

        Task FailsAsync(string id, string why) => conductor.SeesAsync(id, vm => vm.State == VmState.Failed && vm.Cause!.Contains(why, StringComparison.Ordinal), $"{id} to fail: {why}", service);
    }

    [Fact]
    public async Task Vm_WhoseRegistryHangs_IsDeletedWithoutWaitingForIt()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = await JoinedAsync(host);
        await using var service = RunnerService.Start(host);
        using var registry = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        registry.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        registry.Listen();

        conductor.Order("a1", 1, VmTarget.Running, Spec($"127.0.0.1:{((IPEndPoint)registry.LocalEndPoint!).Port}/x/y:1"));
        await conductor.SeesAsync("a1", vm => vm.State == VmState.Pulling, "the image to be fetched", service);
        using var coming = await registry.AcceptAsync(Cancel);
        conductor.Order("a1", 1, VmTarget.Deleted);

        await conductor.SeesAsync("a1", vm => vm.IsGone, "the VM to be gone", service);
    }

    [Fact]
    public async Task Vm_OfAnImageOfTheConductorsOwn_IsFetchedWithTheRunnersCertificate()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = await JoinedAsync(host);
        conductor.Images = Path.Combine(host.Folder, "registry");
        var image = await TinyAsync(host);
        await host.PodmanAsync("push", "--quiet", image, $"oci:{conductor.Images}:vm");
        await host.PodmanAsync("rmi", "--force", image);
        using var index = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(conductor.Images, "index.json"), Cancel));
        var digest = index.RootElement.GetProperty("manifests")[0].GetProperty("digest").GetString()!;
        await using var service = RunnerService.Start(host);

        conductor.Order("a1", 1, VmTarget.Running, Spec("tiny:1"), $"vm@{digest}");

        var vm = await conductor.SeesAsync("a1", one => one.State is VmState.Running, "the VM to run", service);
        Assert.Equal(digest, vm.ImageDigest);
    }

    [Fact]
    public async Task Vm_OnAFullDisk_SaysSoAndRunsWhenThereIsRoom()
    {
        await using var host = await VmHost.StartAsync();
        var state = Directory.CreateDirectory(RunnerService.State(host)).FullName;
        await Tool.RunAsync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", state], null, Cancel);
        try
        {
            await using var conductor = await JoinedAsync(host);
            var image = await TinyAsync(host);
            await using var service = RunnerService.Start(host);
            await WaitAsync(() => conductor.Last is not null, "a first report");
            var filler = Path.Combine(state, "filler");
            await Assert.ThrowsAsync<IOException>(() => File.WriteAllBytesAsync(filler, new byte[1 << 20], Cancel));

            conductor.Order("a1", 1, VmTarget.Running, Spec(image));
            await conductor.SeesAsync("a1", vm => vm.State == VmState.Failed && vm.Cause!.Contains("No space left on device", StringComparison.Ordinal), "the full disk to be told", service);

            File.Delete(filler);
            await Tool.RunAsync("mount", ["-o", "remount,size=64m", state], null, Cancel);
            await conductor.SeesAsync("a1", vm => vm.State == VmState.Running, "the VM to run when there is room", service);
        }
        finally
        {
            await host.PodmanAsync("rm", "-fa", "-t", "0", "-v");
            await Tool.RunAsync("umount", ["--lazy", state], null, CancellationToken.None);
        }
    }

    [Fact]
    public async Task Certificate_AfterAThirdOfItsLife_IsRenewedWithTheSameKey()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = new TestConductor { Life = (TimeSpan.FromHours(8), TimeSpan.FromHours(15)) };
        await JoinAsync(host, conductor);
        var key = await File.ReadAllTextAsync(Path.Combine(RunnerService.State(host), "key.pem"), Cancel);

        await using var service = RunnerService.Start(host);
        await service.SaysAsync("The certificate is renewed");

        Assert.Equal(1, conductor.Renewals);
        Assert.Equal(key, await File.ReadAllTextAsync(Path.Combine(RunnerService.State(host), "key.pem"), Cancel));
        var told = conductor.Last;
        await WaitAsync(() => conductor.Last != told, "a report with the new certificate");
    }

    [Fact]
    public async Task Run_Twice_IsRefused()
    {
        await using var host = await VmHost.StartAsync();
        await using var conductor = await JoinedAsync(host);
        await using var service = RunnerService.Start(host);
        await WaitAsync(() => conductor.Last is not null, "a first report");

        var (exitCode, said) = await RunnerService.RunAsync(host, ["run", .. RunnerService.Options(host)]);

        Assert.Equal(4, exitCode);
        Assert.Contains("Another vm-runner works on", said, StringComparison.Ordinal);
    }

    private static CreateVm Spec(string image) => new("web", image, MemoryMb: 128, StopSeconds: 1);

    private static string Folder(VmHost host, string vm) => Path.Combine(RunnerService.State(host), "vms", vm);

    private static Task<string> TinyAsync(VmHost host) => host.BuildAsync("FROM scratch\nCOPY tiny.qcow2 /disk/tiny.qcow2\n", BuildOutputs.TinyImage);

    private static async Task<TestConductor> JoinedAsync(VmHost host)
    {
        var conductor = new TestConductor();
        await JoinAsync(host, conductor);
        return conductor;
    }

    private static async Task JoinAsync(VmHost host, TestConductor conductor)
    {
        await conductor.StartAsync();
        var token = Path.Combine(host.Folder, "token");
        await File.WriteAllTextAsync(token, TestConductor.Token, Cancel);
        var (exitCode, said) = await RunnerService.RunAsync(host, "join", "--server", conductor.Address.ToString(), "--token-file", token, "--ca", conductor.CaFile(host.Folder), "--state", RunnerService.State(host));
        Assert.True(exitCode == 0, said);
    }

    // The console's log goes on over all its boots.
    private static async Task ReadyAsync(TestConductor conductor, string vm, string words, int boots = 1)
    {
        using var bounded = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        string said;
        while ((said = (await conductor.LookToTheEndAsync(vm, VmView.ConsoleLog)).Text).Split("TINY-READY").Length <= boots)
        {
            if (bounded.IsCancellationRequested || conductor.Last!.Vms.First(one => one.Id == vm) is { State: VmState.Failed })
                throw new TimeoutException($"Waited for the guest to say TINY-READY. The last report: {string.Join("; ", conductor.Last!.Vms.AsEnumerable())}\nIts console:\n{said}");
            await Task.Delay(TimeSpan.FromSeconds(1), Cancel);
        }
        Assert.Contains(words, said, StringComparison.Ordinal);
    }

    private static async Task TypeAsync(TestConductor conductor, string vm, string text)
    {
        using var console = await conductor.LookAsync(vm, VmView.Serial);
        var buffer = new byte[4096];
        await console.SendAsync(Encoding.ASCII.GetBytes(text), WebSocketMessageType.Binary, endOfMessage: true, Cancel);
        // Until the guest is gone, and its console with it.
        while ((await console.ReceiveAsync(buffer, Cancel)).MessageType != WebSocketMessageType.Close)
        {
        }
        await console.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
    }

    private static async Task<int> QemuAsync(VmHost host, string container)
    {
        var supervisor = (await host.InspectAsync(container)).GetProperty("State").GetProperty("Pid").GetInt32();
        int? qemu = null;
        await WaitAsync(() => (qemu = ChildOf(supervisor)) is not null, $"QEMU in {container}");
        return qemu!.Value;
    }

    private static int? ChildOf(int pid) => File.Exists($"/proc/{pid}/task/{pid}/children")
        ? Directory.GetDirectories($"/proc/{pid}/task")
            .SelectMany(task => File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(int.Parse).FirstOrDefault(child => File.ReadAllText($"/proc/{child}/comm").StartsWith("qemu-system", StringComparison.Ordinal)) is var found && found > 0 ? found : null
        : null;

    private static async Task WaitAsync(Func<bool> condition, string what)
    {
        using var bounded = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!condition())
        {
            if (bounded.IsCancellationRequested)
                throw new TimeoutException($"Waited 5 min for {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), Cancel);
        }
    }
}
