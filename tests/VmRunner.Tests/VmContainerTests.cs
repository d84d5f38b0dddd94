using Baremetal.Lab;
using Baremetal.VmRunner.Supervisor;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>Virtual machines in containers of podman and runc.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class VmContainerTests(VmHost host) : VmTests(host)
{
    [Fact]
    public async Task Run_AnImage_GivesTheContainersPlaceInItsNetworkToTheGuest()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-m", "400m", "-e", "MEMORY_MB=192", "-p", "127.0.0.1:18080:80"]);

        Assert.Contains($" ip={vm.Address} ", await vm.ReadyAsync(), StringComparison.Ordinal);
        Assert.Contains("1 received", await Host.InsideAsync("ping", "-c", "1", "-W", "10", vm.Address), StringComparison.Ordinal);
        Assert.Equal("RFB 003.008\n", await vm.FirstOfAsync("vnc"));
        Assert.Contains($"VNC server will listen on Unix socket /vm/{Path.GetFileName(vm.Doors)}/vnc", await vm.LogsAsync(), StringComparison.Ordinal);

        // A port that the engine publishes; a neighbour that knows its name alone (aardvark-dns takes names up when it comes to it, after its caller has gone on); and the way out.
        Assert.Equal("tiny tiny\n", await Host.InsideAsync("curl", "-sS", "--max-time", "60", "http://127.0.0.1:18080/"));
        Assert.Equal("tiny tiny\n", await Host.NeighbourAsync("curl", "-sS", "--max-time", "60", "--retry", "30", "--retry-delay", "1", "--retry-all-errors", $"http://{vm.Name}/"));
        Assert.Contains($"default via {VmHost.Gateway} dev eth0", await vm.ShellAsync("ip route"), StringComparison.Ordinal);
        Assert.Contains("169.254.169.254 dev eth0", await vm.ShellAsync("ip route"), StringComparison.Ordinal);
        Assert.Contains("1 packets received", await vm.ShellAsync($"ping -c 1 -W 10 {VmHost.Gateway}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FROM BASE\n", ExitCodes.NoDisk, "The image has neither /base_image nor /disk")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /base_image/a\nCOPY tiny.qcow2 /base_image/b\n", ExitCodes.NoDisk, "there are a, b.")]
    [InlineData("FROM BASE\nCOPY --chmod=600 tiny.qcow2 /disk/a\n", ExitCodes.NoDisk, "/disk/a is not run: the user 107, as whom it is run, may not read it.")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /disk/a\nENV VM_DISK_GB=0\n", ExitCodes.RefusedOption, "VM_DISK_GB is '0'")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /disk/a\nENV KVM_BLK_OPTS=\"-drive file=/etc/shadow\"\n", ExitCodes.RefusedOption, "KVM_BLK_OPTS has file '/etc/shadow'")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /disk/a\nCMD [\"-m\", \"64g\"]\n", ExitCodes.RefusedOption, "The command line has -m 64g")]
    public async Task Run_WhatIsNotAllowed_EndsWithItsCodeAndSaysWhy(string dockerfile, int exitCode, string why)
    {
        var image = await Host.BuildAsync(dockerfile.Replace("BASE", VmHost.Base, StringComparison.Ordinal), BuildOutputs.TinyImage);

        await EndsAsync(await Host.RunAsync(image, []), exitCode, why);
    }

    [Fact]
    public async Task Run_OnAVolumeThatCannotBeWritten_Ends3() =>
        await EndsAsync(await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{Directory.CreateDirectory(Path.Combine(Host.Folder, "full")).FullName}:/image:ro"]), ExitCodes.NoOverlay, "The guest's own disk /image/sda.qcow2 cannot be made: Read-only file system");

    [Theory]
    [InlineData("--device", "/dev/net/tun")]
    [InlineData("--cap-add", "NET_ADMIN")]
    public async Task Run_WithOnlyHalfOfWhatTheNetworkTakes_Ends4(string option, string value) =>
        await EndsAsync(await Host.RunAsync([option, value], await Host.TinyAsync(), []), ExitCodes.NoNetwork, "It needs the capability NET_ADMIN and the device /dev/net/tun.");

    [Fact]
    public async Task Run_WithLessMemoryThanTheGuest_Ends69SayingSo() =>
        await EndsAsync(await Host.RunAsync(await Host.TinyAsync(), ["-m", "100m", "--memory-swap", "100m", "-e", "MEMORY_MB=256"]), ExitCodes.NoMachine, "since the container's memory limit was reached: it must be MEMORY_MB and 128 MiB more.");

    [Fact]
    public async Task Run_WithWhatTheGuestAndItsContainerNeed_LivesWhenTheGuestUsesAll()
    {
        const int GuestMiB = 192;
        var limit = $"{GuestMiB + GuestMemory.OverheadMiB}m";
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-m", limit, "--memory-swap", limit, "-e", $"MEMORY_MB={GuestMiB}"]);
        await vm.ReadyAsync();

        // All that the guest's kernel has left, over and over.
        Assert.Equal("done", await vm.ShellAsync("mount -t tmpfs -o size=90% tmpfs /mnt; for i in 1 2 3; do dd if=/dev/urandom of=/mnt/$i bs=1M count=$(($(awk '/MemAvailable/ { print $2 }' /proc/meminfo) / 1024 - 16)) 2>/dev/null; rm /mnt/$i; done; echo done"));

        var used = await vm.MostMemoryAsync() >> 20;
        TestContext.Current.TestOutputHelper?.WriteLine($"The container took {used} MiB.");
        Assert.InRange(used, GuestMiB, GuestMiB + GuestMemory.OverheadMiB);
    }

    [Fact]
    public async Task Run_WithMetadataThatIsNone_Ends64NamingTheFile()
    {
        var meta = Directory.CreateDirectory(Path.Combine(Host.Folder, "meta-wrong")).FullName;
        await File.WriteAllTextAsync(Path.Combine(meta, "meta.json"), """{"hostnam": "x"}""", TestContext.Current.CancellationToken);

        await EndsAsync(await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{meta}:/meta:ro"]), ExitCodes.RefusedOption, "/meta/meta.json is not as it should be: ");
    }

    private static async Task EndsAsync(VmContainer vm, int exitCode, string why)
    {
        Assert.Equal(exitCode, await vm.ExitCodeAsync());
        Assert.Contains(why, await vm.LogsAsync(), StringComparison.Ordinal);
    }
}
