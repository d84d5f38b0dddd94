using System.Diagnostics;
using Baremetal.VmRunner.Supervisor;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>How a VM ends, and what is there when it starts again.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class StopTests(VmHost host) : VmTests(host)
{
    [Fact]
    public async Task Stop_AGuestThatHears_ShutsItDownAndKeepsItsDisk()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["--stop-timeout", "300", "-e", "VM_STOP_SECONDS=290"]);
        await vm.ReadyAsync();
        await vm.ShellAsync("echo written >/root/kept");

        await Host.PodmanAsync("stop", vm.Name);

        Assert.Equal(ExitCodes.Done, await vm.ExitCodeAsync());
        Assert.Contains("TINY-POWER-BUTTON", await vm.ConsoleAsync(), StringComparison.Ordinal);
        Assert.Contains("The guest is asked to shut down, and has 290 s.", await vm.LogsAsync(), StringComparison.Ordinal);

        await Host.PodmanAsync("start", vm.Name);

        Assert.Contains($" ip={vm.Address} ", await vm.ReadyAsync(boots: 2), StringComparison.Ordinal);
        Assert.Equal("written", await vm.ShellAsync("cat /root/kept"));
        Assert.Contains(vm.Mac, await vm.ShellAsync("cat /sys/class/net/eth0/address"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_AGuestThatDoesNotHear_SwitchesItOffAndSaysSo()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["--stop-timeout", "300", "-e", "VM_STOP_SECONDS=3"]);
        await vm.ReadyAsync();
        await vm.ShellAsync("killall acpid");

        await Host.PodmanAsync("stop", vm.Name);

        Assert.Equal(ExitCodes.SwitchedOff, await vm.ExitCodeAsync());
        Assert.Contains("The guest did not shut down within 3 s and was switched off; what it had not written to its disk is lost.", await vm.LogsAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("TINY-POWER-BUTTON", await vm.ConsoleAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Qemu_Killed_EndsTheContainerInWordsAndTheNextStartBoots()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), []);
        await vm.ReadyAsync();
        await vm.ShellAsync("echo written >/root/kept; sync");

        Kill(await vm.QemuAsync());

        Assert.Equal(ExitCodes.NoMachine, await vm.ExitCodeAsync());
        Assert.Contains("QEMU was killed (signal 9), and the guest's power was cut. What the guest had flushed is on its disk; start the container again.", await vm.LogsAsync(), StringComparison.Ordinal);
        await Host.PodmanAsync("start", vm.Name);
        await vm.ReadyAsync(boots: 2);
        Assert.Equal("written", await vm.ShellAsync("cat /root/kept"));
    }

    // The engine's watcher is no part of the guest, which lives on without it and shuts down as told. podman starts no container again whose end
    // nobody saw; another one on the same volume goes on.
    [Fact]
    public async Task Conmon_Killed_CostsTheGuestNothing()
    {
        var volume = Directory.CreateDirectory(Path.Combine(Host.Folder, "volume")).FullName;
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{volume}:/image", "--stop-timeout", "300", "-e", "VM_STOP_SECONDS=290"]);
        await vm.ReadyAsync();
        var (first, qemu) = (await vm.PidAsync(), await vm.QemuAsync());

        Kill((await Host.InspectAsync(vm.Name)).GetProperty("State").GetProperty("ConmonPid").GetInt32());

        Assert.Equal("written", await vm.ShellAsync("echo written | tee /root/kept"));
        Assert.Equal(qemu, await vm.QemuAsync());
        using var ended = Process.GetProcessById(first);
        using var term = Process.Start("kill", ["-TERM", $"{first}"]);
        await vm.SaysAsync("TINY-POWER-BUTTON");
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await ended.WaitForExitAsync(patience.Token);
        await Host.PodmanAsync("rm", "-f", "-t", "0", vm.Name);
        var next = await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{volume}:/image"]);
        await next.ReadyAsync(boots: 2);
        Assert.Equal("written", await next.ShellAsync("cat /root/kept"));
    }

    private static void Kill(int pid)
    {
        using var process = Process.GetProcessById(pid);
        process.Kill();
    }
}
