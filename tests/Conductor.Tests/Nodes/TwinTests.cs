using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Nodes;

/// <summary>One machine, enrolled as two nodes.</summary>
public sealed class TwinTests
{
    private const string OtherMac = "52:54:00:00:00:02";
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly Guid Uuid = Guid.Parse("77770000-0000-4000-8000-525400770001");

    private static readonly Inventory Bare = TestAgent.Machine();

    public static TheoryData<string, Inventory, Inventory> Twins => new()
    {
        { "the SMBIOS UUID 77770000-0000-4000-8000-525400770001", With(uuid: Uuid), With(uuid: Uuid) },
        { "the serial number S1", With(serial: "S1"), With(serial: "S1") },
        { "the serial number S1", With(uuid: Uuid, serial: "S1"), With(serial: "S1") },
        { $"a network card with the MAC {TestSite.Mac}", Bare, Bare with { NetworkInterfaces = [Card(OtherMac), Card(TestSite.Mac)] } },
    };

    public static TheoryData<Inventory, Inventory> Others => new()
    {
        { Bare, Bare },
        { With(uuid: Uuid, serial: "S1"), With(uuid: Guid.Empty, serial: "S1") },
        { With(serial: "S1"), With(serial: "S2") },
    };

    [Theory]
    [MemberData(nameof(Twins))]
    public async Task Inspect_AMachineThatIsAnotherNode_IsRefusedNamingBothAndTheOtherGoesOn(string same, Inventory first, Inventory second)
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, "n1", first);
        await site.Conductor.Operator.ApproveAsync("n1", None);

        var refused = await InspectSecondAsync(site, second);

        Assert.Equal((JobOutcome.Failed, Steps.Inspect), (refused.Outcome, refused.Step));
        Assert.StartsWith($"Node n2 has {same}, and so has node n1", refused.Cause, StringComparison.Ordinal);
        var node = await site.Conductor.Operator.GetNodeAsync("n2", None);
        Assert.Equal((NodeState.Failed, null), (node.State, node.Inventory));
        await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.ApproveAsync("n2", None));
        // The first one is as good as before, and once it is gone the second one is.
        Assert.Equal(JobOutcome.Done, (await InspectAsync(site, "n1", first)).Outcome);
        await site.Conductor.Operator.RemoveNodeAsync("n1", None);
        Assert.Equal(JobOutcome.Done, (await InspectSecondAsync(site, second)).Outcome);
    }

    [Theory]
    [MemberData(nameof(Others))]
    public async Task Inspect_AMachineThatIsLikeAnother_IsTaken(Inventory first, Inventory second)
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, "n1", first);

        Assert.Equal(JobOutcome.Done, (await InspectSecondAsync(site, second)).Outcome);
    }

    private static async Task<Job> InspectAsync(TestSite site, string node, Inventory inventory)
    {
        var job = await site.Conductor.Operator.InspectAsync(node, None);
        await site.BootAgentAsync(job, inventory);
        return await Until.JobEndAsync(site.Conductor.Operator, job.Id);
    }

    private static async Task<Job> InspectSecondAsync(TestSite site, Inventory inventory)
    {
        if (!await site.Conductor.Operator.ListNodesAsync(None).AnyAsync(node => node.Name == "n2", None))
            await site.Conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", OtherMac, new PowerSettings("manual")), None);
        var job = await site.Conductor.Operator.InspectAsync("n2", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);
        using var agent = new TestAgent(site.Conductor, OtherMac);
        await agent.BootAsync(inventory);
        return await Until.JobEndAsync(site.Conductor.Operator, job.Id);
    }

    private static Inventory With(Guid? uuid = null, string? serial = null) => Bare with { System = Bare.System with { Uuid = uuid, Serial = serial } };

    private static NetworkInterface Card(string mac) => new("eth0", mac, null, Carrier: true, Driver: null, [], Boot: false);
}
