using Baremetal.VmRunner.Host;

namespace Baremetal.VmRunner.Tests.Host;

/// <summary>RancherVM's documented lines, and what no VM may be given.</summary>
public sealed class DockerRunLineTests
{
    private static readonly HostSettings Settings = new(new StateFolder("/nonexistent"), "/nonexistent", "tcg", "baremetal", new EngineSettings(), null);

    private static DockerRunLine Read(params string[] line)
    {
        Assert.True(DockerRunLine.TryRead(line, out var read, out var refusal), refusal?.ToString());
        return read;
    }

    private static string[] Plan(DockerRunLine line, ImageOptions? image = null)
    {
        Assert.True(line.TryPlan(new VmImage("sha256:1", null, image ?? new ImageOptions(null, null, [])), "base", Settings, out var plan, out var refusal), refusal?.ToString());
        return plan;
    }

    [Fact]
    public void Line_OfRancherVmsReadme_BecomesAContainerOfOurs()
    {
        var line = Read(
            "-e", "RANCHER_VM=true", "--cap-add", "NET_ADMIN", "-v", "/var/lib/rancher/vm:/vm", "--device", "/dev/kvm:/dev/kvm", "--device", "/dev/net/tun:/dev/net/tun",
            "rancher/vm-android", "-m", "1024m", "-smp", "1");
        Assert.Equal("rancher/vm-android", line.Image);
        Assert.Equal(["--volume=/var/lib/rancher/vm:/vm"], line.Options);
        Assert.Equal(["-m", "1024m", "-smp", "1"], line.Arguments);

        var plan = Plan(line with { Arguments = [] });
        Assert.Equal("run", plan[0]);
        Assert.Equal("base", plan[^1]);
        Assert.Contains("--cap-drop=ALL", plan);
        Assert.Contains("--env=RANCHER_VM=true", plan);
        Assert.Contains("--env=VM_ACCELERATOR=tcg", plan);
        Assert.Contains("--mount=type=image,source=sha256:1,destination=/vmimage", plan);
        Assert.Contains("--memory=640m", plan);
    }

    [Fact]
    public void Line_InAllWaysOfWriting_IsReadTheSame()
    {
        var line = Read("-dit", "-p8080:80", "-p", "53:53/udp", "--name=web", "-e=MEMORY_MB=1024", "--env", "CPUS=2", "--rm", "localhost/web:1");
        Assert.Equal(["--detach", "--publish=8080:80", "--publish=53:53/udp", "--name=web", "--rm"], line.Options);
        Assert.Equal(("1024", "2"), (line.Environment["MEMORY_MB"], line.Environment["CPUS"]));
        Assert.Contains("--memory=1152m", Plan(line));
    }

    [Fact]
    public void Image_WhoseOptionsAreNotGiven_BringsItsOwn()
    {
        var image = new ImageOptions("-drive file=$KVM_IMAGE,if=none,id=d -device ide-hd,drive=d", null, ["-usbdevice", "tablet"]);
        var plan = Plan(Read("web:1"), image);
        Assert.Contains($"--env=KVM_BLK_OPTS={image.Disk}", plan);
        Assert.Equal(["base", "-usbdevice", "tablet"], plan[^3..]);
        Assert.DoesNotContain($"--env=KVM_BLK_OPTS={image.Disk}", Plan(Read("-e", "KVM_BLK_OPTS=", "web:1"), image));
    }

    [Theory]
    [InlineData("--privileged web:1", "needs no more")]
    [InlineData("--device /dev/sda web:1", "none of the host's devices")]
    [InlineData("--cap-add SYS_ADMIN web:1", "SYS_ADMIN")]
    [InlineData("-v /etc:/etc web:1", "/ranchervm")]
    [InlineData("-v vms:/image web:1", "whole path")]
    [InlineData("-v /:/host/image web:1", "/ranchervm")]
    [InlineData("--volume=/x web:1", "/ranchervm")]
    [InlineData("-m 2g web:1", "MEMORY_MB")]
    [InlineData("--link db:db web:1", "--network")]
    [InlineData("--security-opt seccomp=unconfined web:1", "--security-opt")]
    [InlineData("--mount type=bind,source=/,destination=/vmimage web:1", "--mount")]
    [InlineData("--pid host web:1", "--pid")]
    [InlineData("--network host web:1", "takes over")]
    [InlineData("--net=container:web web:1", "takes over")]
    [InlineData("-x web:1", "-")]
    [InlineData("-d", "no image")]
    [InlineData("--name", "no value")]
    public void Line_WithWhatNoVmMayHave_IsRefusedByItsName(string line, string words)
    {
        Assert.False(DockerRunLine.TryRead(line.Split(' '), out _, out var refusal));
        Assert.Contains(words, refusal.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MEMORY_MB=4", null)]
    [InlineData("KVM_NET_OPTS=$(id)", null)]
    [InlineData("CPUS=1", "-monitor")]
    [InlineData("CPUS=1", "-m")]
    public void Guest_ThatItsSupervisorWouldRefuse_IsRefusedBeforeThereIsAContainer(string variable, string? argument)
    {
        var line = Read(["-e", variable, "web:1", .. argument is null ? Array.Empty<string>() : [argument, "1"]]);
        Assert.False(line.TryPlan(new VmImage("sha256:1", null, new ImageOptions(null, null, [])), "base", Settings, out _, out var refusal));
        Assert.NotEmpty(refusal.Cause);
    }
}
