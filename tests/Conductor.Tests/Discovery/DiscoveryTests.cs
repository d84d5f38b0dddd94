using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;
using Baremetal.Netboot.Boot;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Discovery;

/// <summary>Machines that nobody enrolled.</summary>
public sealed class DiscoveryTests
{
    private const string Mac = "52:54:00:0d:00:01";
    private const string Name = "node-5254000d0001";

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Machine_UnknownWhileDiscoveryIsOff_BootsAsItWouldWithoutUs()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var agent = new TestAgent(conductor, Mac);

        await agent.FetchScriptAsync();

        Assert.Null(agent.Token);
        Assert.Equal(BootChoice.Ignore, Choice(conductor, Mac));
        Assert.Empty(await NodesAsync(conductor));
    }

    [Fact]
    public async Task Machine_Unknown_IsPendingAndBegunNothingOnUntilItIsApprovedThenItsWaitingAgentDeploys()
    {
        await using var site = await TestSite.StartAsync(On());
        using var agent = new TestAgent(site.Conductor, Mac);
        Assert.Equal(BootChoice.Agent, Choice(site.Conductor, Mac));

        await agent.BootAsync();

        var node = Assert.Single(await NodesAsync(site.Conductor, NodeState.Pending));
        Assert.Equal((Name, Mac, "manual", 1), (node.Name, node.Mac, node.Power.Driver, node.Inventory!.Disks.Length));
        Assert.Equal(BootChoice.Ignore, Choice(site.Conductor, Mac));
        Assert.False((await agent.BeatAsync()).OrderWaiting);
        foreach (var refused in new Func<Task>[] { () => site.Conductor.Operator.DeployAsync(Name, new DeployNode("debian"), None), () => site.Conductor.Operator.InspectAsync(Name, None), () => site.Conductor.Operator.CleanAsync(Name, new CleanNode(), None) })
            Assert.Contains("approved, removed or enrolled", (await Assert.ThrowsAsync<ProblemException>(refused)).Problem.Remedy, StringComparison.Ordinal);

        Assert.Equal(NodeState.Available, (await site.Conductor.Operator.ApproveAsync(Name, None)).State);
        await site.Conductor.Operator.DeployAsync(Name, new DeployNode("debian"), None);
        await Until.TrueAsync(async () => (await agent.BeatAsync()).OrderWaiting, "an order");
        Assert.NotNull(await agent.AskOrderAsync());
    }

    [Fact]
    public async Task Approve_PendingThatHasToldNothing_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync(On());
        using var agent = new TestAgent(conductor, Mac);
        await agent.FetchScriptAsync();

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.ApproveAsync(Name, None));

        Assert.Contains("has not told what it has", refusal.Problem.Title, StringComparison.Ordinal);
        await conductor.Operator.RemoveNodeAsync(Name, None);
        Assert.Empty(await NodesAsync(conductor));
    }

    [Fact]
    public async Task Enrol_AMachineThatIsPending_MakesItEnrolledWithWhatItTold()
    {
        await using var conductor = await TestConductor.StartAsync(On());
        using var agent = new TestAgent(conductor, Mac);
        await agent.BootAsync();
        var pending = await conductor.Operator.GetNodeAsync(Mac, None);
        var ask = new EnrolNode("r7", Mac.ToUpperInvariant(), new PowerSettings("redfish", "https://r7-bmc", "ops", "secret"));

        Assert.Equal(NodeState.Enrolled, (await conductor.Operator.EnrolNodeAsync(ask with { DryRun = true }, None)).State);
        Assert.Equal(NodeState.Pending, (await conductor.Operator.GetNodeAsync(Mac, None)).State);
        var enrolled = await conductor.Operator.EnrolNodeAsync(ask, None);

        Assert.Equal((pending.Id, "r7", NodeState.Enrolled, "redfish", FirmwareMode.Bios), (enrolled.Id, enrolled.Name, enrolled.State, enrolled.Power.Driver, enrolled.Inventory!.Firmware));
        await agent.BeatAsync();
        Assert.Equal(NodeState.Available, (await conductor.Operator.ApproveAsync("r7", None)).State);
        Assert.Equal("exists", (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(ask with { Name = "r8" }, None))).Problem.Type.Split(':')[^1]);
    }

    [Fact]
    public async Task Machines_MoreThanMayBePending_BootAsWithoutUsAndThoseThatToldNothingAreForgotten()
    {
        await using var conductor = await TestConductor.StartAsync(On(most: 3));
        using var told = new TestAgent(conductor, Mac);
        await told.BootAsync();
        for (var made = 2; made < 50; made++)
        {
            using var stranger = new TestAgent(conductor, $"52:54:00:0d:00:{made:x2}");
            await stranger.FetchScriptAsync();
            Assert.Equal(made <= 3, stranger.Token is not null);
        }
        Assert.Equal(3, (await NodesAsync(conductor)).Length);
        Assert.Single(conductor.Log, line => line.Contains("the most that may be (discovery.most)", StringComparison.Ordinal));

        conductor.Clock.Jump(BootTokens.Life + TimeSpan.FromSeconds(1));
        using var later = new TestAgent(conductor, "52:54:00:0d:00:ff");
        await later.BootAsync();

        Assert.Equal([Name, "node-5254000d00ff"], (await NodesAsync(conductor)).Select(node => node.Name));
    }

    [Fact]
    public async Task Machine_ThatIsANodeAlready_IsRefusedNamingBoth()
    {
        await using var site = await TestSite.StartAsync(On());
        using var agent = new TestAgent(site.Conductor, Mac);

        // n1 was enrolled and never inspected; the machine was netbooted from another of its cards.
        await agent.BootAsync(TestAgent.Machine() with { NetworkInterfaces = [new NetworkInterface("eth1", TestSite.Mac, null, Carrier: true, Driver: null, [], Boot: false)] });

        var node = await site.Conductor.Operator.GetNodeAsync(Mac, None);
        Assert.Equal((NodeState.Pending, null), (node.State, node.Inventory));
        Assert.StartsWith($"Node {Name} has a network card with the MAC {TestSite.Mac}, and so has node n1", node.Cause, StringComparison.Ordinal);
        Assert.Contains("and so has node n1", (await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.ApproveAsync(Name, None))).Problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Card_OfANodeThatIsKnownByItsUuid_IsNotDiscovered()
    {
        await using var conductor = await TestConductor.StartAsync(On());
        using var agent = new TestAgent(conductor, Mac);
        await agent.BootAsync(TestAgent.Machine() with { System = new SystemIdentity("QEMU", "pc", null, agent.Uuid, null, null) });
        using var other = new TestAgent(conductor, "52:54:00:0d:00:02") { Uuid = agent.Uuid };

        await other.FetchScriptAsync();

        Assert.Null(other.Token);
        Assert.Single(await NodesAsync(conductor));
    }

    [Fact]
    public async Task Token_OfAPendingNodeUsedWithAnotherKey_ForgetsItAndItCanComeAgain()
    {
        await using var conductor = await TestConductor.StartAsync(On());
        using var agent = new TestAgent(conductor, Mac);
        await agent.BootAsync();
        using var thief = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => agent.EnrolAsync(key: thief));

        Assert.Equal(409, refusal.Problem.Status);
        Assert.Empty(await NodesAsync(conductor));
        await Assert.ThrowsAsync<ProblemException>(() => agent.BeatAsync());
        using var again = new TestAgent(conductor, Mac);
        await again.BootAsync();
        Assert.Single(await NodesAsync(conductor, NodeState.Pending));
    }

    private static BootChoice Choice(TestConductor conductor, string mac)
    {
        Assert.True(MacAddress.TryParse(mac, out var address));
        return conductor.Services.GetRequiredService<IBootPolicy>().Choose(new Machine(address, null, ClientArchitecture.Bios));
    }

    private static async Task<Node[]> NodesAsync(TestConductor conductor, NodeState? state = null) => await conductor.Operator.ListNodesAsync(None, state).ToArrayAsync(None);

    private static Func<ConductorSettings, ConductorSettings> On(int most = 256) => settings => settings with { Discovery = new DiscoverySettings { Mode = DiscoveryMode.On, Most = most } };
}
