using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Settings;
using Baremetal.Netboot;
using Baremetal.Trust;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A conductor that is trusted and has an image, one power controller, and the machine behind it.</summary>
internal sealed class TestSite : IAsyncDisposable
{
    public const string Mac = "52:54:00:00:00:01";

    private static readonly CancellationToken None = CancellationToken.None;

    private TestSite(TestConductor conductor, TestBmc bmc) => (Conductor, Bmc, Agent) = (conductor, bmc, new TestAgent(conductor, Mac));

    public TestConductor Conductor { get; }

    public TestBmc Bmc { get; }

    public TestAgent Agent { get; private set; }

    /// <summary>With one enrolled node, <c>n1</c>.</summary>
    public static async Task<TestSite> StartAsync(Func<ConductorSettings, ConductorSettings>? change = null, Func<IDatabase, IDatabase>? database = null)
    {
        var conductor = await TestConductor.StartAsync(change, database);
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        var site = new TestSite(conductor, await TestBmc.StartAsync());
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", Mac, site.Bmc.Power), None);
        return site;
    }

    /// <summary>With a node that was inspected and approved, and whose agent waits.</summary>
    public static Task<TestSite> StartAvailableAsync(params Disk[] disks) => StartAvailableAsync(database: null, disks);

    /// <inheritdoc cref="StartAvailableAsync(Disk[])"/>
    public static async Task<TestSite> StartAvailableAsync(Func<IDatabase, IDatabase>? database, params Disk[] disks)
    {
        var site = await StartAsync(database: database);
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await site.BootAgentAsync(job, TestAgent.Machine(disks));
        await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        await site.Conductor.Operator.ApproveAsync("n1", None);
        return site;
    }

    public Task<Job> DeployAsync(DeployNode? ask = null) => Conductor.Operator.DeployAsync("n1", ask ?? new DeployNode("debian"), None);

    public Task<Node> NodeAsync() => Conductor.Operator.GetNodeAsync("n1", None);

    /// <summary>A new boot of the machine, from the network.</summary>
    public async Task BootAgentAsync(Job job, Inventory? inventory = null)
    {
        await Until.JobAtAsync(Conductor.Operator, job.Id, Steps.WaitForAgent);
        Agent.Dispose();
        Agent = new TestAgent(Conductor, Mac);
        await Agent.BootAsync(inventory);
    }

    public async Task<DeployOrder> OrderAsync()
    {
        await Until.TrueAsync(async () => (await Agent.BeatAsync()).OrderWaiting, "an order");
        var order = await Agent.AskOrderAsync();
        Assert.NotNull(order);
        return order;
    }

    /// <summary>The installed system starts.</summary>
    public void SeeSystem()
    {
        Assert.True(MacAddress.TryParse(Mac, out var mac));
        Conductor.Services.GetRequiredService<IBootPolicy>().Seen(new Sighting(mac, IPAddress.Parse("10.0.0.10"), ClientKind.System, null));
    }

    public async ValueTask DisposeAsync()
    {
        Agent.Dispose();
        await Bmc.DisposeAsync();
        await Conductor.DisposeAsync();
    }
}
