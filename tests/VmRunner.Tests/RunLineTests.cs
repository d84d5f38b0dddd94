using System.Globalization;
using Baremetal.Lab;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>Ways to start a VM's container other than our own host's.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class RunLineTests(VmHost host) : VmTests(host)
{
    // As RancherVM's README has it, but for the image's name, where sockets go, and -d.
    [Fact]
    public async Task Run_ByRancherVmsLine_BootsAndPutsTheDisplayWhereItWas()
    {
        // A short name: a path of a socket has 108 characters at most, and the container's id takes 64 of them.
        var shared = Directory.CreateDirectory(Path.Combine(Host.Folder, "r")).FullName;

        var vm = await Host.RunAsync(
            ["-e", "RANCHER_VM=true", "-e", "VM_ACCELERATOR=tcg", "--cap-add", "NET_ADMIN", "-v", $"{shared}:/ranchervm", "--device", "/dev/kvm:/dev/kvm", "--device", "/dev/net/tun:/dev/net/tun"], await Host.TinyAsync(), []);

        Assert.Contains($" ip={vm.Address} ", await vm.SaysAsync("TINY-READY"), StringComparison.Ordinal);
        Assert.Contains($"VNC server will listen on Unix socket /ranchervm/vm/{vm.Id}/vnc", await vm.LogsAsync(), StringComparison.Ordinal);
        Assert.Equal("RFB 003.008\n", await vm.FirstOfAsync(Path.Combine(shared, "vm", vm.Id, "vnc")));
    }

    // As Kubernetes ran RancherVM's later images, and KubeVirt's: nothing in them but a disk, which only QEMU's user may read.
    [Fact]
    public async Task Run_AnImageOfADiskAlone_IsMountedIntoTheBase()
    {
        var disk = await Host.BuildAsync("FROM scratch\nCOPY --chown=107:107 --chmod=440 tiny.qcow2 /disk/tiny.qcow2\n", BuildOutputs.TinyImage);

        var vm = await Host.RunAsync(VmHost.Base, ["--mount", $"type=image,source={disk},destination=/vmimage"]);

        Assert.Contains($" ip={vm.Address} ", await vm.SaysAsync("TINY-READY"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("IP_PREFIX=10.42", "10.42.0.9")]
    [InlineData("IP_PREFIX=10.99.7.2", "10.99.7.240")]
    [InlineData("IP_PREFIX=", "10.42.0.9")]
    public async Task Run_WithTwoAddresses_GivesTheOneThatIsMeant(string prefix, string address)
    {
        await using var network = await TwoAddressesAsync();

        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-e", prefix], network);

        Assert.Contains($" ip={address} ", await vm.SaysAsync("TINY-READY"), StringComparison.Ordinal);
        await vm.RemoveAsync();
    }

    [Fact]
    public async Task Run_WithNoAddressThatIsMeant_Ends1()
    {
        await using var network = await TwoAddressesAsync();

        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-e", "IP_PREFIX=192.168."], network);

        Assert.Equal(1, await vm.ExitCodeAsync());
        Assert.Contains("No address of eth0 begins with IP_PREFIX '192.168.'; it has 10.42.0.9, 10.99.7.240.", await vm.LogsAsync(), StringComparison.Ordinal);
        await vm.RemoveAsync();
    }

    private static async Task<NetworkNamespace> TwoAddressesAsync()
    {
        var network = await NetworkNamespace.CreateAsync(string.Create(CultureInfo.InvariantCulture, $"{Leftovers.NewNames().Namespace}-two"), TestContext.Current.CancellationToken);
        await network.IpAsync("link add eth0 type veth peer name far\nlink set far up\naddress add 10.42.0.9/16 dev eth0\naddress add 10.99.7.240/24 dev eth0\nlink set eth0 up", TestContext.Current.CancellationToken);
        return network;
    }
}
