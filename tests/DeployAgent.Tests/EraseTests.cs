using Baremetal.Api;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>Orders to erase: those that are obeyed, and those that must not be.</summary>
public sealed class EraseTests : IDisposable
{
    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Theory]
    [InlineData("zero", 0)]
    [InlineData("discard", 0)]
    [InlineData("metadata", 48 << 20)]
    public async Task Erase_ByDepth_ErasesAndReportsWhatItDid(string depth, int left)
    {
        await File.WriteAllBytesAsync(AgentUnderTest.DiskPath(_tree), Noise(), TestContext.Current.CancellationToken);
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
        Assert.Equal([StepOutcome.Started, StepOutcome.Started, StepOutcome.Done], conductor.Reports.Take(3).Select(report => report.Outcome));
        Assert.Equal([erased], conductor.Reports.ElementAt(1).Erased!);
        Assert.Equal(("vda", AgentUnderTest.DiskBytes, 0), (erased.Name, erased.SizeBytes, erased.FailedBytes));
        Assert.Equal(depth == "metadata" ? 8 << 20 : AgentUnderTest.DiskBytes, erased.ErasedBytes);
        Assert.Equal(0, agent.Restarts);
    }

    [Fact]
    public async Task Erase_OneOfSeveralDisksIsInUse_ErasesTheOthersAndFailsNamingIt()
    {
        TargetDisk[] disks = [AgentUnderTest.Disk, AgentUnderTest.AddDisk(_tree, "vdb"), AgentUnderTest.AddDisk(_tree, "vdc")];
        foreach (var name in new[] { "vdb", "vdc" })
            await File.WriteAllBytesAsync(AgentUnderTest.DiskPath(_tree, name), Noise(), TestContext.Current.CancellationToken);
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => ToErase(conductor, ask, new EraseOrder("zero", disks));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: name => name == "vda" ? (null, new Rejection("vda is in use (md0 is built on it).", "Stop it.")) : null);

        var failed = await EndAsync(conductor, agent, StepOutcome.Failed);

        Assert.Contains("1 of 3 disks was not erased whole: vda (serial unknown), vda is in use (md0 is built on it).", failed.Cause, StringComparison.Ordinal);
        Assert.Equal([("vda", false), ("vdb", true), ("vdc", true)], failed.Erased!.OrderBy(disk => disk.Name).Select(disk => (disk.Name, disk.Failure is null)));
        foreach (var name in new[] { "vdb", "vdc" })
            Assert.False((await File.ReadAllBytesAsync(AgentUnderTest.DiskPath(_tree, name), TestContext.Current.CancellationToken)).AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Erase_SeveralDisks_GoOnAtTheSameTimeAndEachIsTold()
    {
        TargetDisk[] disks = [AgentUnderTest.AddDisk(_tree, "vdb"), AgentUnderTest.AddDisk(_tree, "vdc")];
        using var both = new Barrier(2);
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => ToErase(conductor, ask, new EraseOrder("zero", disks));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: _ => (new RecordingTarget(Noise()) { BeforeWrite = write => Meet(write.Offset) }, null));

        await EndAsync(conductor, agent, StepOutcome.Done);

        Assert.Contains(conductor.Heartbeats, beat => beat.Progress?.Disks is [{ Name: "vdb", Phase: ProgressPhase.Zeroing }, { Name: "vdc", Phase: ProgressPhase.Zeroing }] && beat.Progress.TotalBytes == 2 * AgentUnderTest.DiskBytes);
        Assert.Contains("vdb: zeroing 25 %", agent.Output, StringComparison.Ordinal);

        // Neither goes on before the other has begun, nor before the conductor has heard of both.
        void Meet(long offset)
        {
            if (offset != 16 << 20)
                return;
            if (!both.SignalAndWait(TimeSpan.FromMinutes(1)))
                throw new IOException("the other disk was not begun");
            Assert.True(SpinWait.SpinUntil(() => conductor.Heartbeats.Any(beat => beat.Progress?.Disks is { } now && now.All(disk => disk.DoneBytes >= 16 << 20)), TimeSpan.FromMinutes(1)));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Erase_OfADiskThatWasDoneBefore_IsBegunAgainOnlyIfItDoesNotLookLikeIt(bool isZero)
    {
        var disk = AgentUnderTest.AddDisk(_tree, "vdb");
        var target = new RecordingTarget(isZero ? new byte[AgentUnderTest.DiskBytes] : Noise());
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => ToErase(conductor, ask, new EraseOrder("zero", [disk], Done: [disk]));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: _ => (target, null));

        var done = await EndAsync(conductor, agent, StepOutcome.Done);

        Assert.Equal(isZero, target.Writes.Count == 0);
        Assert.Equal(isZero ? [] : ["vdb"], done.Erased!.Select(erased => erased.Name));
        Assert.False(target.Disk.AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Erase_WithFallback_ErasesEachDiskByTheFirstDepthThatDoesAndSaysWhich()
    {
        TargetDisk[] disks = [AgentUnderTest.AddDisk(_tree, "vdb"), AgentUnderTest.AddDisk(_tree, "vdc")];
        var (able, unable) = (Noise(), new RecordingTarget(Noise()));
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => ToErase(conductor, ask, new EraseOrder("secure", disks, Fallback: ["discard", "zero"]));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: name => (name == "vdb" ? new RecordingTarget(able) { Commands = new SimulatedNvme(able) { Formats = true } } : unable, null));

        var done = await EndAsync(conductor, agent, StepOutcome.Done);

        Assert.Equal(
            [("vdb", "nvme-format-user-data", null), ("vdc", "zero", "secure: it cannot erase itself: it is neither an NVMe nor a SATA or SAS disk; discard: it has no discard")],
            done.Erased!.OrderBy(disk => disk.Name).Select(disk => (disk.Name, disk.Method, disk.FellBack)));
        Assert.False(unable.Disk.AsSpan().ContainsAnyExcept((byte)0));
        Assert.DoesNotContain(unable.Writes, write => write.Data is not null);
    }

    [Fact]
    public async Task Erase_SecureAlone_FailsForTheDiskThatCannotAndSaysWhatWould()
    {
        TargetDisk[] disks = [AgentUnderTest.AddDisk(_tree, "vdb"), AgentUnderTest.AddDisk(_tree, "vdc")];
        var (able, unable) = (Noise(), new RecordingTarget(Noise()));
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => ToErase(conductor, ask, new EraseOrder("secure", disks));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: name => (name == "vdb" ? new RecordingTarget(able) { Commands = new SimulatedAta(able) } : unable, null));

        var failed = await EndAsync(conductor, agent, StepOutcome.Failed);

        Assert.Contains("1 of 2 disks was not erased whole: vdc (serial serial-vdc), 67108864 bytes are left: it cannot erase itself", failed.Cause, StringComparison.Ordinal);
        Assert.EndsWith("What cannot erase itself can be zeroed: --depth secure,zero.", failed.Cause, StringComparison.Ordinal);
        Assert.Equal([("vdb", "ata-security-erase"), ("vdc", null)], failed.Erased!.OrderBy(disk => disk.Name).Select(disk => (disk.Name, disk.Method)));
        Assert.Empty(unable.Writes);
    }

    [Fact]
    public async Task Erase_OfADiskThatTellsNothingMeanwhile_TellsHowLongThatMayBe()
    {
        var disk = AgentUnderTest.AddDisk(_tree, "vdb");
        var bytes = Noise();
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => ToErase(conductor, ask, new EraseOrder("secure", [disk]));
        var ata = new SimulatedAta(bytes)
        {
            DuringErase = () => SpinWait.SpinUntil(() => conductor.Heartbeats.Any(beat => beat.Progress?.SilentSeconds > 0), TimeSpan.FromMinutes(1)) ? null : throw new IOException("nobody was told"),
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: _ => (new RecordingTarget(bytes) { Commands = ata }, null));

        await EndAsync(conductor, agent, StepOutcome.Done);

        var told = conductor.Heartbeats.First(beat => beat.Progress?.SilentSeconds > 0).Progress!;
        Assert.Equal((ProgressPhase.Erasing, 0), (told.Phase, told.DoneBytes));
        Assert.InRange(told.SilentSeconds, 1, 7200);
    }

    [Theory]
    [InlineData("of nothing", "does not say which disk")]
    [InlineData("with an image", "does not say which disk")]
    [InlineData("of another depth", "erases by 'shred', which this agent does not know")]
    [InlineData("falling back to another depth", "erases by 'shred', which this agent does not know")]
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
                "falling back to another depth" => right with { Erase = right.Erase! with { Fallback = ["discard", "shred"] } },
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

    private static byte[] ToErase(TestConductor conductor, AskOrder ask, EraseOrder erase) =>
        conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Erase) with { Target = null, ManifestSha256 = null, Erase = erase });

    private static async Task<StepReport> EndAsync(TestConductor conductor, AgentUnderTest agent, StepOutcome outcome)
    {
        await agent.UntilAsync("the report", () => conductor.Reports.Any(report => report.Outcome != StepOutcome.Started));
        conductor.Order = null;
        await agent.StopAsync();
        var end = conductor.Reports.First(report => report.Outcome != StepOutcome.Started);
        Assert.True(end.Outcome == outcome, end.Cause);
        return end;
    }

    private static byte[] Noise()
    {
        var noise = new byte[AgentUnderTest.DiskBytes];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
