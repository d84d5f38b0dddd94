using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>Orders to erase: those that are obeyed, and those that must not be.</summary>
public sealed class EraseTests : IDisposable
{
    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Theory]
    [InlineData("zero", 0)]
    [InlineData("metadata", 48 << 20)]
    public async Task Erase_ByDepth_ErasesAndReportsWhatItDid(string depth, int left)
    {
        var noise = new byte[AgentUnderTest.DiskBytes];
        new Random(1).NextBytes(noise);
        await File.WriteAllBytesAsync(AgentUnderTest.DiskPath(_tree), noise, TestContext.Current.CancellationToken);
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Erase) with { Target = null, ManifestSha256 = null, Erase = new EraseOrder(depth, [AgentUnderTest.Disk]) });
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the report", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Done));
        conductor.Order = null;
        await agent.StopAsync();

        var disk = await File.ReadAllBytesAsync(AgentUnderTest.DiskPath(_tree), TestContext.Current.CancellationToken);
        Assert.False(disk.AsSpan(0, 4 << 20).ContainsAnyExcept((byte)0));
        Assert.False(disk.AsSpan(disk.Length - (4 << 20)).ContainsAnyExcept((byte)0));
        Assert.InRange(disk.Count(value => value != 0), left, disk.Length);
        var erased = Assert.Single(conductor.Reports.First(report => report.Outcome == StepOutcome.Done).Erased!);
        Assert.Equal(("vda", AgentUnderTest.DiskBytes, 0), (erased.Name, erased.SizeBytes, erased.FailedBytes));
        Assert.Equal(depth == "zero" ? AgentUnderTest.DiskBytes : 8 << 20, erased.ErasedBytes);
        Assert.Equal(0, agent.Restarts);
    }

    [Theory]
    [InlineData("of nothing", "does not say which disk")]
    [InlineData("with an image", "does not say which disk")]
    [InlineData("of another depth", "erases by 'shred', which this agent does not know")]
    [InlineData("of a disk twice", "means vda twice")]
    [InlineData("of a disk that is not there", "no disk of this machine is")]
    [InlineData("writing", "does not say which disk")]
    public async Task Erase_OrderedWrongly_TouchesNothing(string fault, string reason)
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask =>
        {
            var right = conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Erase) with { Target = null, Erase = new EraseOrder("zero", [AgentUnderTest.Disk]) };
            return conductor.Sign(fault switch
            {
                "of nothing" => right with { Erase = new EraseOrder("zero", []) },
                "with an image" => right with { Target = AgentUnderTest.Disk },
                "of another depth" => right with { Erase = right.Erase! with { Depth = "shred" } },
                "of a disk twice" => right with { Erase = right.Erase! with { Disks = [AgentUnderTest.Disk, AgentUnderTest.Disk] } },
                "writing" => right with { Steps = [new OrderStep(OrderSteps.WriteImage)] },
                _ => right with { Erase = right.Erase! with { Disks = [AgentUnderTest.Disk with { ByPath = "pci-9" }] } },
            });
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the refusal", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        Assert.Contains(reason, conductor.Reports.First(report => report.Outcome == StepOutcome.Failed).Cause, StringComparison.Ordinal);
        Assert.Equal(0, agent.DiskOpened);
    }
}
