using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Discovery;

/// <summary>Who is approved without an operator, and under which name.</summary>
public sealed class RuleTests
{
    private const string Mac = "52:54:00:0d:00:01";

    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly Inventory Machine = TestAgent.Machine() with { System = new SystemIdentity("ACME Inc.", "Server 9", "SN_42", Guid.NewGuid(), null, null) };

    public static TheoryData<string, DiscoveryRule, string?> Rules => new()
    {
        { "any", new DiscoveryRule("r-{mac}"), "r-5254000d0001" },
        { "serial", new DiscoveryRule("r-{serial}", Serial: "sn_*"), "r-sn-42" },
        { "another serial", new DiscoveryRule("r", Serial: "sn_4"), null },
        { "MAC", new DiscoveryRule("r7", Mac: "52:54:00:0D:*"), "r7" },
        { "another MAC", new DiscoveryRule("r7", Mac: "52:54:01:*"), null },
        { "vendor and product", new DiscoveryRule("{product}-x", Vendor: "acme*", Product: "server ?"), "server-9-x" },
        { "vendor, not product", new DiscoveryRule("r7", Vendor: "acme*", Product: "desktop*"), null },
        { "relay", new DiscoveryRule("r7", Relay: IPAddress.Parse("10.7.0.1")), "r7" },
        { "another relay", new DiscoveryRule("r7", Relay: IPAddress.Parse("10.8.0.1")), null },
        { "circuit", new DiscoveryRule("r7", Circuit: "GE-0/0/*"), "r7" },
        { "another circuit", new DiscoveryRule("r7", Circuit: "ge-0/0/1"), null },
        { "remote", new DiscoveryRule("r7", Remote: "0x0006001b21??????"), "r7" },
        { "circuit, not remote", new DiscoveryRule("r7", Circuit: "*", Remote: "sw*"), null },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Machine_ThatARuleMeans_IsApprovedUnderItsName(string what, DiscoveryRule rule, string? name)
    {
        await using var conductor = await TestConductor.StartAsync(With(rule));
        using var agent = new TestAgent(conductor, Mac);
        await agent.FetchScriptAsync();
        await SeeRelayAsync(conductor, "10.7.0.1");
        await agent.BootAsync(Machine);

        var node = await conductor.Operator.GetNodeAsync(Mac, None);

        Assert.True((name is null ? NodeState.Pending : NodeState.Available, name ?? "node-5254000d0001", "10.7.0.1") == (node.State, node.Name, node.Relay), $"{what}: {node}");
        Assert.Equal(("ge-0/0/17", "0x0006001b21aabbcc"), (node.Circuit, node.Remote));
    }

    [Fact]
    public async Task Port_ToldByASwitchWithoutARelay_IsNotedOnceAndKnowsNoRuleOfAMachineWithoutOne()
    {
        await using var conductor = await TestConductor.StartAsync(With(new DiscoveryRule("r7", Circuit: "*")));
        using var other = new TestAgent(conductor, "52:54:00:0d:00:02");
        await other.BootAsync(Machine with { System = new SystemIdentity("ACME Inc.", "Server 9", null, Guid.NewGuid(), null, null) });
        Assert.Equal(NodeState.Pending, (await conductor.Operator.GetNodeAsync("52:54:00:0d:00:02", None)).State);
        using var agent = new TestAgent(conductor, Mac);
        await agent.FetchScriptAsync();

        See(conductor, new Sighting(Address, null, ClientKind.Ramdisk, null, Circuit: "eth7"));
        await UntilNodeAsync(conductor, node => node.Circuit == "eth7", "the circuit to be noted");
        See(conductor, new Sighting(Address, null, ClientKind.Ramdisk, null, Circuit: "eth8", Remote: "sw8"));
        await agent.BootAsync(Machine);

        var node = await conductor.Operator.GetNodeAsync(Mac, None);
        Assert.Equal((NodeState.Available, "r7", null, "eth7", null), (node.State, node.Name, node.Relay, node.Circuit, node.Remote));
    }

    [Fact]
    public async Task Rules_Several_TheFirstThatHoldsNames()
    {
        await using var conductor = await TestConductor.StartAsync(With(new DiscoveryRule("a", Serial: "other"), new DiscoveryRule("b", Mac: "52:*"), new DiscoveryRule("c")));
        using var agent = new TestAgent(conductor, Mac);
        await agent.BootAsync(Machine);
        Assert.Equal("b", (await conductor.Operator.GetNodeAsync(Mac, None)).Name);
    }

    [Theory]
    [InlineData("n1", "A rule of discovery would call it 'n1': there is already a node 'N1'.")]
    [InlineData("r-{serial}", "A rule of discovery would call it 'r-': that is no name for a node.")]
    public async Task Rule_WhoseNameCannotBe_LeavesThePendingNodeAndSaysWhy(string pattern, string cause)
    {
        await using var conductor = await TestConductor.StartAsync(With(new DiscoveryRule(pattern)));
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("N1", "52:54:00:0e:00:01", new PowerSettings("manual")), None);
        using var agent = new TestAgent(conductor, Mac);

        await agent.BootAsync();

        var node = await conductor.Operator.GetNodeAsync(Mac, None);
        Assert.Equal((NodeState.Pending, cause), (node.State, node.Cause));
    }

    private static MacAddress Address => MacAddress.TryParse(Mac, out var mac) ? mac : throw new FormatException(Mac);

    private static async Task SeeRelayAsync(TestConductor conductor, string relay)
    {
        See(conductor, new Sighting(Address, null, ClientKind.Ramdisk, null, Relay: IPAddress.Parse(relay), Circuit: "ge-0/0/17", Remote: "0x0006001b21aabbcc"));
        await UntilNodeAsync(conductor, node => node.Relay == relay, "the relay to be noted");
    }

    private static void See(TestConductor conductor, Sighting sighting) => conductor.Services.GetRequiredService<IBootPolicy>().Seen(sighting);

    private static Task UntilNodeAsync(TestConductor conductor, Predicate<Node> condition, string what) =>
        Until.TrueAsync(async () => condition(await conductor.Operator.GetNodeAsync(Mac, None)), what);

    private static Func<ConductorSettings, ConductorSettings> With(params DiscoveryRule[] rules) =>
        settings => settings with { Discovery = new DiscoverySettings { Mode = DiscoveryMode.On, Rules = rules } };
}
