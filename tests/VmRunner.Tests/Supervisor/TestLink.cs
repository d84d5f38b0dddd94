using Baremetal.Netboot;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

/// <summary>A container's network, for those who only read it.</summary>
internal static class TestLink
{
    public static readonly ContainerLink Usual = new(
        "eth0", MacAddress.TryParse("52:54:00:aa:bb:01", out var mac) ? mac : default, Ipv4.Parse("10.88.0.7"), 16, Ipv4.Parse("10.88.0.1"), [Ipv4.Parse("10.88.0.1")], ["lab.example"], "web", 1400);
}
