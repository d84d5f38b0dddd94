using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Boot;

/// <summary>What an operator says of a node's network, on its way to the kernel's command line.</summary>
public sealed class RamdiskNetworkTests
{
    private const string First = "52:54:00:AA:00:01";
    private const string Second = "52-54-00-aa-00-02";

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Network_OfANode_IsOnItsKernelsLineAndGoesAgain()
    {
        await using var site = await TestSite.StartAsync();
        var edited = await site.Conductor.Operator.EditNodeAsync("n1", new EditNode(
            Network: new NodeNetwork(12, 9000, new NodeBond("802.3ad", [First, Second]), "10.0.12.5/24", "10.0.12.1", ["10.0.0.2", "10.0.0.3"]),
            KernelArguments: " console=ttyS1,115200n8  quiet"), None);
        Assert.Equal(("802.3ad", 12, "console=ttyS1,115200n8 quiet"), (edited.Network!.Bond!.Mode, edited.Network.Vlan, edited.KernelArguments));

        var line = await KernelLineAsync(site);
        Assert.Contains(
            " bm.net=vlan:12,mtu:9000,bond:802.3ad:52:54:00:aa:00:01+52:54:00:aa:00:02,address:10.0.12.5/24,gateway:10.0.12.1,dns:10.0.0.2+10.0.0.3 console=ttyS1,115200n8 quiet ",
            line, StringComparison.Ordinal);

        await site.Conductor.Operator.AbortJobAsync((await site.NodeAsync()).CurrentJob!, None);
        await Until.TrueAsync(async () => (await site.NodeAsync()).CurrentJob is null, "the end of the job");
        var plain = await site.Conductor.Operator.EditNodeAsync("n1", new EditNode(Network: new NodeNetwork(), KernelArguments: ""), None);
        Assert.Equal((null, null), (plain.Network, plain.KernelArguments));
        line = await KernelLineAsync(site);
        Assert.DoesNotContain("bm.net", line, StringComparison.Ordinal);
        Assert.DoesNotContain("ttyS1", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Network_NotNamedInAnEdit_Stays()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(Enrol(new NodeNetwork(Vlan: 7), "quiet"), None);

        var edited = await conductor.Operator.EditNodeAsync("web", new EditNode(BootPolicy: BootPolicy.NetworkFirst), None);

        Assert.Equal((7, "quiet"), (edited.Network!.Vlan, edited.KernelArguments));
    }

    public static TheoryData<string, NodeNetwork> Wrong => new()
    {
        { "VLAN 0", new NodeNetwork(Vlan: 0) },
        { "VLAN 4095", new NodeNetwork(Vlan: 4095) },
        { "MTU 575", new NodeNetwork(Mtu: 575) },
        { "MTU 70000", new NodeNetwork(Mtu: 70000) },
        { "'lacp' is no mode", new NodeNetwork(Bond: new NodeBond("lacp", [First, Second])) },
        { "'802.3ad bm.token=x' is no mode", new NodeNetwork(Bond: new NodeBond("802.3ad bm.token=x", [First, Second])) },
        { "A bond of 1 cards", new NodeNetwork(Bond: new NodeBond("802.3ad", [First, First])) },
        { "A bond of 0 cards", new NodeNetwork(Bond: new NodeBond("802.3ad", [])) },
        { "'eth0' in the bond", new NodeNetwork(Bond: new NodeBond("802.3ad", [First, "eth0"])) },
        { "'10.0.0.5' is not an address with its prefix", new NodeNetwork(Address: "10.0.0.5") },
        { "'10.0.0.5/33'", new NodeNetwork(Address: "10.0.0.5/33") },
        { "The address '10.5'", new NodeNetwork(Address: "10.5/24") },
        { "The address '::1'", new NodeNetwork(Address: "::1/24") },
        { "The address '010.0.0.5'", new NodeNetwork(Address: "010.0.0.5/24") },
        { "The address '10.0.0.5 init=x'", new NodeNetwork(Address: "10.0.0.5 init=x/24") },
        { "without an address", new NodeNetwork(Gateway: "10.0.0.1") },
        { "without an address", new NodeNetwork(Dns: ["10.0.0.1"]) },
        { "The gateway '224.0.0.1'", new NodeNetwork(Address: "10.0.0.5/24", Gateway: "224.0.0.1") },
        { "The name server 'dns'", new NodeNetwork(Address: "10.0.0.5/24", Dns: ["dns"]) },
        { "0 name servers", new NodeNetwork(Address: "10.0.0.5/24", Dns: []) },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Network_ThatCannotBe_IsRefusedByName(string said, NodeNetwork network)
    {
        await using var conductor = await TestConductor.StartAsync();

        var refused = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(Enrol(network), None));

        Assert.Equal((int)HttpStatusCode.BadRequest, refused.Problem.Status);
        Assert.Contains(said, refused.Problem.Title, StringComparison.Ordinal);
        Assert.NotNull(refused.Problem.Remedy);
    }

    [Theory]
    [InlineData("quiet init=/bin/sh")]
    [InlineData("rdinit=/bin/sh")]
    [InlineData("initrd=other")]
    [InlineData("bm.token=stolen")]
    [InlineData("bm.net=vlan:1")]
    [InlineData("BOOTIF=01-02-03-04-05-06-07")]
    [InlineData("-- single")]
    [InlineData("a\nshell")]
    [InlineData("a||shell")]
    [InlineData("${net0/mac}")]
    public async Task KernelArguments_ThatOnlyTheConductorGives_AreRefused(string arguments)
    {
        await using var conductor = await TestConductor.StartAsync();

        var refused = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(Enrol(null, arguments), None));

        Assert.Equal((int)HttpStatusCode.BadRequest, refused.Problem.Status);
        Assert.Contains("kernel argument", refused.Problem.Title, StringComparison.OrdinalIgnoreCase);
    }

    private static EnrolNode Enrol(NodeNetwork? network, string? arguments = null) => new("web", First, new PowerSettings("manual"), Network: network, KernelArguments: arguments);

    private static async Task<string> KernelLineAsync(TestSite site)
    {
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        return (await site.Agent.FetchScriptAsync()).Split('\n').Single(line => line.StartsWith("kernel ", StringComparison.Ordinal));
    }
}
