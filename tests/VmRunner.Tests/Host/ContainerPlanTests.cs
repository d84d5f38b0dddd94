using Baremetal.Api;
using Baremetal.VmRunner.Host;

namespace Baremetal.VmRunner.Tests.Host;

public sealed class ContainerPlanTests
{
    private static readonly ImageOptions _plain = new(null, null, []);
    private static readonly CreateVm _spec = new("web", "registry.example/web:1");

    public static TheoryData<CreateVm, string> Wrong => new()
    {
        { _spec with { Name = "-v/:/host" }, "'-v/:/host' is no host name." },
        { _spec with { HostName = "a b" }, "'a b' is no host name." },
        { _spec with { MemoryMb = 8 }, "memory is 8; it is 16 to" },
        { _spec with { Processors = 0 }, "processors is 0; it is 1 to 255" },
        { _spec with { StopSeconds = -1 }, "time to stop is -1" },
        { _spec with { Address = "10.89.0.20,ip=10.89.0.1" }, "is no IPv4 address" },
        { _spec with { Network = "host,x" }, "is no network's name" },
        { _spec with { Publish = [new PublishedPort(0, 80)] }, "cannot be published" },
        { _spec with { Publish = [new PublishedPort(80, 80, "0.0.0.0/0")] }, "cannot be published" },
        { _spec with { Publish = [new PublishedPort(80, 80, null, "sctp")] }, "cannot be published" },
        { _spec with { DiskOptions = "-drive file=/etc/shadow" }, "(KVM_BLK_OPTS): has file '/etc/shadow'" },
        { _spec with { CardOptions = "-netdev user,id=n" }, "(KVM_NET_OPTS): has -netdev user" },
        { _spec with { Arguments = ["-monitor", "stdio"] }, "The VM's arguments: has -monitor stdio" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Fault_OfWhatIsNotAllowed_NamesIt(CreateVm spec, string why) =>
        Assert.Contains(why, ContainerPlan.Fault(spec, _plain)?.ToString(), StringComparison.Ordinal);

    [Fact]
    public void Fault_OfTheImagesOwnOptions_IsTheVms()
    {
        Assert.Contains("has -m 64g", ContainerPlan.Fault(_spec, _plain with { Arguments = ["-m", "64g"] })?.Cause, StringComparison.Ordinal);
        // What was ordered stands in its place.
        Assert.Null(ContainerPlan.Fault(_spec with { Arguments = [] }, _plain with { Arguments = ["-m", "64g"] }));
    }

    [Fact]
    public void Create_AVm_IsItsContainerWithinLimits()
    {
        var state = new StateFolder("/var/lib/x");
        var spec = _spec with { MemoryMb = 1024, Processors = 2, Publish = [new PublishedPort(8080, 80), new PublishedPort(53, 53, "192.0.2.1", "udp")], Arguments = ["-boot", "order=c"] };
        var record = new VmRecord(new VmOrder("id-1", 1, VmTarget.Running, spec), VmState.Pending, DateTimeOffset.UnixEpoch, "52:54:00:00:00:01", "10.89.0.20", "sha");

        var arguments = ContainerPlan.Create(record, new VmFolder(state, "id-1"), _plain with { Disk = "-hda $KVM_IMAGE" }, "base", new HostSettings(state, "", "tcg", "baremetal", new EngineSettings(), null));

        Assert.Equal("create", arguments[0]);
        foreach (var expected in new[]
        {
            "--label=io.baremetal.vm=id-1", "--network=baremetal", "--ip=10.89.0.20", "--mac-address=52:54:00:00:00:01", "--publish=8080:80/tcp", "--publish=192.0.2.1:53:53/udp",
            "--env=KVM_BLK_OPTS=-hda $KVM_IMAGE", "--env=MEMORY_MB=1024", "--memory=1152m", "--cpu-shares=2048", "--stop-timeout=75", "--env=VM_STOP_SECONDS=60", "--cap-drop=ALL", "--read-only",
            "--volume=/var/lib/x/vms/id-1/image:/image", "--mount=type=image,source=sha,destination=/vmimage",
        })
            Assert.Contains(expected, arguments);
        Assert.DoesNotContain("--device=/dev/kvm", arguments);
        Assert.Equal(["base", "-boot", "order=c"], arguments[^3..]);
    }
}
