using Baremetal.Lab;
using Baremetal.VmRunner.Supervisor;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>Virtual machines in containers of podman and runc, from power-on to power-off.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class VmContainerTests
{
    private static readonly string _tiny = $"FROM {VmHost.Base}\nCOPY tiny.qcow2 /base_image/tiny.qcow2\n";

    [Fact]
    public async Task Run_AnImage_GivesTheContainersPlaceInItsNetworkToTheGuest()
    {
        await using var host = await VmHost.StartAsync();
        var image = await host.BuildAsync(_tiny, BuildOutputs.TinyImage);

        var vm = await host.RunAsync(image, "vm1", "10.99.7.50", ["-m", "400m", "-e", "MEMORY_MB=192"]);

        Assert.Contains(" ip=10.99.7.50 ", await vm.SaysAsync("TINY-READY"), StringComparison.Ordinal);
        Assert.Contains("1 received", await host.InsideAsync("ping", "-c", "1", "-W", "10", "10.99.7.50"), StringComparison.Ordinal);
        Assert.Equal("RFB 003.008\n", await vm.FirstOfAsync("vnc"));
        Assert.Contains($"VNC server will listen on Unix socket /vm/{Path.GetFileName(vm.Doors)}/vnc", await vm.LogsAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FROM BASE\n", ExitCodes.NoDisk, "The image has neither /base_image nor /disk")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /base_image/a\nCOPY tiny.qcow2 /base_image/b\n", ExitCodes.NoDisk, "there are a, b.")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /disk/a\nENV KVM_BLK_OPTS=\"-drive file=/etc/shadow\"\n", ExitCodes.RefusedOption, "KVM_BLK_OPTS has file '/etc/shadow'")]
    [InlineData("FROM BASE\nCOPY tiny.qcow2 /disk/a\nCMD [\"-m\", \"64g\"]\n", ExitCodes.RefusedOption, "The command line has -m 64g")]
    public async Task Run_WhatIsNotAllowed_EndsWithItsCodeAndSaysWhy(string dockerfile, int exitCode, string why)
    {
        await using var host = await VmHost.StartAsync();
        var image = await host.BuildAsync(dockerfile.Replace("BASE", VmHost.Base, StringComparison.Ordinal), BuildOutputs.TinyImage);

        var vm = await host.RunAsync(image, "vm1", "10.99.7.50", []);

        Assert.Equal(exitCode, await vm.ExitCodeAsync());
        Assert.Contains(why, await vm.LogsAsync(), StringComparison.Ordinal);
    }
}
