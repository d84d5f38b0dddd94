using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;
using Baremetal.Trust;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>Whole jobs over the real API: an operator's client, an agent with mutual TLS, a power controller over HTTP.</summary>
public sealed class DeployTests
{
    private const string Mac = "52:54:00:00:00:01";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Node_InspectedApprovedAndDeployed_IsActiveWithItsImage()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var bmc = await TestBmc.StartAsync();
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        var started = new TaskCompletionSource<bool>();
        bmc.Started = network => started.TrySetResult(network);

        var node = await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", Mac, bmc.Power), None);
        var inspection = await conductor.Operator.InspectAsync("n1", None);
        Assert.True(await Until.DoneAsync(started.Task, "the machine to be started"));
        using var agent = new TestAgent(conductor, Mac);
        await agent.BootAsync();
        inspection = await Until.JobEndAsync(conductor.Operator, inspection.Id);
        Assert.Equal((JobOutcome.Done, null), (inspection.Outcome, inspection.Cause));
        node = await conductor.Operator.GetNodeAsync(Mac, None);
        Assert.Equal((NodeState.Enrolled, "N1"), (node.State, node.Trust.Node));
        Assert.Equal(TestAgent.OneDisk, Assert.Single(node.Inventory!.Disks));

        await conductor.Operator.ApproveAsync("n1", None);
        var deploy = await conductor.Operator.DeployAsync("n1", new DeployNode("debian", Hostname: "web-1", SshKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp me@here"]), None);
        await Until.TrueAsync(async () => (await agent.BeatAsync()).OrderWaiting, "an order");
        Assert.Equal(1, bmc.Starts);
        var order = await agent.AskOrderAsync();
        Assert.NotNull(order);
        Assert.Equal(
            (deploy.Id, 1, false, TestAgent.OneDisk.Serial, TimeSpan.FromMinutes(10)),
            (order.OrderId, order.Attempt, order.Reuse, order.Target!.Serial, order.NotAfter - order.IssuedAt));
        Assert.Equal([OrderSteps.WriteImage, OrderSteps.SetBootDisk, OrderSteps.Reboot], order.Steps.Select(step => step.Name));
        Assert.Equal(order.ConfigDriveSha256, Digest.Of(await agent.FetchConfigDriveAsync(order.OrderId)));

        var result = new WriteResult(100, 200, 300, 0, 1.5, 1000, ["http://10.0.0.9/image answered 404 Not Found."]);
        await agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Started);
        await agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done, result: result);
        // A step that is over before the job comes to it is none of the job's.
        await Until.JobAtAsync(conductor.Operator, deploy.Id, OrderSteps.SetBootDisk);
        await agent.ReportAsync(order, OrderSteps.SetBootDisk, StepOutcome.Done);
        await Until.JobAtAsync(conductor.Operator, deploy.Id, OrderSteps.Reboot);
        Assert.Empty(Directory.GetFiles(conductor.StatePath("config-drives")));
        await agent.ReportAsync(order, OrderSteps.Reboot, StepOutcome.Started);
        await Until.JobAtAsync(conductor.Operator, deploy.Id, Steps.WaitForSystem);

        // Firmware and ramdisk ask for addresses too; only the system counts.
        var policy = conductor.Services.GetRequiredService<IBootPolicy>();
        Assert.True(MacAddress.TryParse(Mac, out var mac));
        foreach (var kind in new[] { ClientKind.Firmware, ClientKind.Ipxe, ClientKind.Ramdisk })
            policy.Seen(new Sighting(mac, IPAddress.Parse("10.0.0.9"), kind, null));
        await Until.TrueAsync(async () => (await conductor.Operator.GetNodeAsync("n1", None)).Address == "10.0.0.9", "the address to be noted");
        Assert.Null((await conductor.Operator.GetJobAsync(deploy.Id, None)).Finished);
        // Beside another DHCP server, a system that looks for one is seen before it has an address.
        policy.Seen(new Sighting(mac, null, ClientKind.System, null));
        await Until.TrueAsync(
            () => Task.FromResult(conductor.Database.Read(sql => EventLog.After(sql, 0, deploy.Id, 100)).Any(one => one.Text == "operating system asks for an address")),
            "the system to be seen without an address");
        Assert.Null((await conductor.Operator.GetJobAsync(deploy.Id, None)).Finished);
        policy.Seen(new Sighting(mac, IPAddress.Parse("10.0.0.10"), ClientKind.System, "web-1"));

        deploy = await Until.JobEndAsync(conductor.Operator, deploy.Id);
        Assert.Equal((JobOutcome.Done, result), (deploy.Outcome, deploy.Result! with { DroppedSources = result.DroppedSources }));
        Assert.Equal(result.DroppedSources, deploy.Result.DroppedSources);
        Assert.Equal(
            [Steps.Prepare, OrderSteps.WriteImage, OrderSteps.SetBootDisk, OrderSteps.Reboot, Steps.WaitForSystem],
            deploy.Steps.Select(step => step.Name));
        node = await conductor.Operator.GetNodeAsync("n1", None);
        Assert.Equal((NodeState.Active, "debian:12", "10.0.0.10", null), (node.State, node.Image, node.Address, node.Agent));
    }

    [Fact]
    public async Task Deploy_KeyThatLetsNobodyIn_IsRefusedNamingIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.DeployAsync(
            "n1", new DeployNode("debian", SshKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp", "root:x:0:0:root:/root:/bin/bash"]), None));
        Assert.Equal(400, refusal.Problem.Status);
        Assert.Contains("SSH key 2", refusal.Problem.Title, StringComparison.Ordinal);
        Assert.Contains("root:x", refusal.Problem.Title, StringComparison.Ordinal);
    }
}
