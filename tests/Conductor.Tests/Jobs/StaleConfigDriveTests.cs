using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>A config drive of an earlier life, on a disk beside the one that a deploy writes.</summary>
public sealed class StaleConfigDriveTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly Disk Target = TestAgent.OneDisk with { ConfigDrives = [] };
    private static readonly Disk Stale = TestAgent.OneDisk with { Name = "vdb", Serial = "disk-2", ByPath = "pci-0000:00:05.0", ConfigDrives = ["vdb3"] };
    private static readonly RootDeviceHints ToTarget = new(Serial: "disk-1");
    private static readonly RootDeviceHints OfStale = new(Serial: "disk-2");
    private static readonly DeployNode WithOwn = new("debian", ToTarget, Hostname: "web-1");

    [Fact]
    public async Task Deploy_WithAConfigDriveOfItsOwn_IsRefusedWhileAnotherIsLeft()
    {
        await using var site = await TestSite.StartAvailableAsync(Target, Stale);

        var problem = (await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(WithOwn))).Problem;

        Assert.Equal("Disk vdb (serial disk-2) has a config drive already (vdb3), and cloud-init would read either it or the one of this deploy.", problem.Title);
        Assert.Contains("--remove-config-drive serial=disk-2", problem.Remedy, StringComparison.Ordinal);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }

    [Fact]
    public async Task Deploy_ThatNamesTheDisk_OrdersItsRemovalAfterTheWrite()
    {
        await using var site = await TestSite.StartAvailableAsync(Target, Stale);

        var plan = await site.DeployAsync(WithOwn with { RemoveConfigDrives = [OfStale], DryRun = true });
        var job = await site.DeployAsync(WithOwn with { RemoveConfigDrives = [OfStale] });
        var order = await site.OrderAsync();

        Assert.True(Assert.Single(plan.Deployment!.StaleConfigDrives!).Removed);
        Assert.Equal([OrderSteps.WriteImage, OrderSteps.RemoveConfigDrives, OrderSteps.SetBootDisk, OrderSteps.Reboot], order.Steps.Select(step => step.Name));
        Assert.Equal(("disk-1", "disk-2"), (order.Target!.Serial, Assert.Single(order.RemoveConfigDrives!).Serial));
        await site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.RemoveConfigDrives);

        // The agent's next start has nothing left to write, and is told what is left.
        site.Agent.RestartProcess();
        order = await site.OrderAsync();
        Assert.Equal([OrderSteps.RemoveConfigDrives, OrderSteps.SetBootDisk, OrderSteps.Reboot], order.Steps.Select(step => step.Name));
        Assert.NotNull(order.RemoveConfigDrives);
        await site.Agent.ReportAsync(order, OrderSteps.RemoveConfigDrives, StepOutcome.Done);
        site.Agent.RestartProcess();
        Assert.Null((await site.OrderAsync()).RemoveConfigDrives);
        job = await site.Conductor.Operator.GetJobAsync(job.Id, None);
        Assert.Equal(("vdb", true), (job.Deployment!.StaleConfigDrives![0].Disk.Name, job.Deployment.StaleConfigDrives[0].Removed));
    }

    [Fact]
    public async Task Deploy_WithoutAConfigDriveOfItsOwn_LeavesTheOtherAndNamesItInItsPlanAndItsRecord()
    {
        await using var site = await TestSite.StartAvailableAsync(Target, Stale);
        var ask = new DeployNode("debian", ToTarget);

        var plan = await site.DeployAsync(ask with { DryRun = true });
        var job = await site.DeployAsync(ask);
        var order = await site.OrderAsync();

        Assert.Equal([OrderSteps.WriteImage, OrderSteps.SetBootDisk, OrderSteps.Reboot], order.Steps.Select(step => step.Name));
        Assert.Null(order.RemoveConfigDrives);
        job = await site.Conductor.Operator.GetJobAsync(job.Id, None);
        Assert.All([plan, job], told => Assert.Equal(("vdb", "vdb3", false), (told.Deployment!.StaleConfigDrives![0].Disk.Name, told.Deployment.StaleConfigDrives[0].Disk.ConfigDrives![0], told.Deployment.StaleConfigDrives[0].Removed)));
    }

    [Fact]
    public async Task Deploy_WhoseOwnDiskHasOne_WritesItAnew()
    {
        await using var site = await TestSite.StartAvailableAsync(Target with { ConfigDrives = ["vda2"] });
        var plan = await site.DeployAsync(new DeployNode("debian", Hostname: "web-1", DryRun: true));
        Assert.Equal((true, ""), (plan.DryRun, plan.Id));
        Assert.Null(plan.Deployment!.StaleConfigDrives);
    }

    [Theory]
    [InlineData("disk-1", "Disk vda is written anew, and its config drive with it.")]
    [InlineData("disk-3", "Disk vdc has no config drive.")]
    [InlineData("disk-4", "Whether disk vdd has a config drive is not known: it did not answer, or its agent is older.")]
    [InlineData("disk-5", "The config drive to remove is not clear. No disk of the node matches the root device hints (serial disk-5).")]
    [InlineData(null, "A disk whose config drive is to be removed has no hint.")]
    public async Task Removal_ThatMakesNoSense_IsRefused(string? serial, string cause)
    {
        var (bare, unknown) = (Stale with { Name = "vdc", Serial = "disk-3", ConfigDrives = [] }, Stale with { Name = "vdd", Serial = "disk-4", ConfigDrives = null });
        await using var site = await TestSite.StartAvailableAsync(Target, Stale, bare, unknown);

        var problem = (await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(WithOwn with { RemoveConfigDrives = [new RootDeviceHints(Serial: serial)] }))).Problem;

        Assert.StartsWith(cause, problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_BesideAConfigDriveThatCannotBeWritten_SaysWhatElseToDo()
    {
        await using var site = await TestSite.StartAvailableAsync(Target, Stale with { ReadOnly = true });
        var problem = (await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(WithOwn))).Problem;
        Assert.StartsWith("The disk is read-only: take it out", problem.Remedy, StringComparison.Ordinal);
    }
}
