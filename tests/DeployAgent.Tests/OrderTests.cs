using Baremetal.Api;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Targets;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>Orders that are obeyed, and all those that must not be.</summary>
public sealed class OrderTests(SignedDisk image) : IClassFixture<SignedDisk>, IDisposable
{
    private const string EfiVariables = "/sys/firmware/efi/efivars";
    private const string Vendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    private static readonly string[] AllSteps = [OrderSteps.WriteImage, OrderSteps.SetBootDisk, OrderSteps.Reboot];

    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Fact]
    public async Task Order_WholeDeployUnderBios_WritesReportsAndRestarts()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.ConfigDrive = [.. Enumerable.Repeat((byte)0xc2, 64 << 10)];
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        Assert.Equal(1, agent.Restarts);
        Assert.Equal(
            AllSteps.SelectMany(step => new[] { (step, StepOutcome.Started), (step, StepOutcome.Done) }),
            conductor.Reports.Select(report => (report.Step, report.Outcome)));
        Assert.All(conductor.Reports, report => Assert.Equal(("boot-3", Assert.Single(conductor.Nonces)), (report.BootId, report.AgentNonce)));
        var result = conductor.Reports.ElementAt(1).Result!;
        // The ends are read before anything is touched, and some of them once more.
        Assert.InRange(result.WireBytes, SignedDisk.Size - (2 << 20), SignedDisk.Size + (4 << 20));
        Assert.True(result.PeakMemoryBytes > 0);
        image.AssertIsOn(_tree);
        Assert.Contains("its boot order stays as it is", agent.Output, StringComparison.Ordinal);
        Assert.Contains("Written and verified in", agent.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Order_WithALayout_GivesTheRootWhatSwapLeavesOfTheDisk()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage, OrderSteps.Reboot) with { Layout = new LayoutOrder(3, 8 << 20) });
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        Assert.Equal(1, agent.Restarts);
        image.AssertIsOn(_tree);
        using var disk = FileTarget.Open(AgentUnderTest.DiskPath(_tree), 0).Target!;
        Assert.True(DiskPartitions.TryRead(disk, 512, out var partitions, out var rejection), rejection?.ToString());
        var (root, swap) = (partitions[2].Entry, partitions[3].Entry);
        Assert.Equal((GptEntry.LinuxSwap, root.LastLba + 1, (8L << 20) / 512), (swap.Type, swap.FirstLba, swap.LastLba - swap.FirstLba + 1));
        Assert.Equal((AgentUnderTest.DiskBytes - (1 << 20)) / 512, swap.LastLba + 1);
    }

    [Fact]
    public async Task Order_BootDiskUnderUefi_SetsBootNextToTheWrittenPartition()
    {
        _tree.Write($"{EfiVariables}/Boot0000{Vendor}", [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        Assert.Equal([7, 0, 0, 0, 1, 0], Variable("BootNext"));
        var option = Convert.ToHexStringLower(Variable("Boot0001"));
        var partition = $"04012a00{SignedDisk.EspNumber:x2}000000{Hex(SignedDisk.EspFirstLba)}{Hex(SignedDisk.EspSectors)}";
        Assert.Contains(partition, option, StringComparison.Ordinal);
        // The partition's own GUID, as it stands in the second entry of the written table.
        Assert.Contains(partition + Convert.ToHexStringLower(image.Bytes.AsSpan((2 * 512) + 128 + 16, 16)), option, StringComparison.Ordinal);
        Assert.Equal(1, agent.Restarts);
    }

    [Fact]
    public async Task Order_OnlyTheLastSteps_ReadsThePartitionFromTheDisk()
    {
        _tree.Write($"{EfiVariables}/Boot0000{Vendor}", [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        await File.WriteAllBytesAsync(AgentUnderTest.DiskPath(_tree), [.. image.Bytes, .. new byte[AgentUnderTest.DiskBytes - image.Bytes.Length]], TestContext.Current.CancellationToken);
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.SetBootDisk, OrderSteps.Reboot));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        Assert.Equal([7, 0, 0, 0, 1, 0], Variable("BootNext"));
    }

    [Fact]
    public async Task Order_AfterAnotherTrustDocument_IsAcceptedByTheNewOne()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());
        await agent.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);

        conductor.Advance();
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await agent.EndAsync();

        Assert.Equal(1, agent.Restarts);
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "another node's", "is for node node-8; this is node node-7" },
        { "another boot's", "is for boot boot-2; this is boot boot-3" },
        { "another nonce", "does not answer this agent's question" },
        { "unknown signer", "0 valid signature(s) of the conductor role" },
        { "image signer", "0 valid signature(s) of the conductor role" },
        { "future trust", "follows trust document version 9" },
        { "another disk", "means the disk with path pci-0000:00:09.0-nvme-1" },
        { "another size", "but no disk of this machine is" },
        { "unknown step", "the step 'format-everything'" },
        { "no steps", "has no steps" },
        { "step after reboot", "has steps after the reboot" },
        { "step twice", "has a step twice" },
        { "unknown need", "demands 'a-later-idea', which this agent does not know" },
        { "odd swap", "1048577 bytes of swap, which is no whole number of MiB" },
        { "backwards", "before it begins" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Order_NotForThisMoment_IsRefusedAndNothingIsRun(string fault, string cause)
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        using var stranger = SigningKey.Create();
        conductor.Order = ask =>
        {
            var order = conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps);
            return fault switch
            {
                "another node's" => conductor.Sign(order with { NodeId = "node-8" }),
                "another boot's" => conductor.Sign(order with { BootId = "boot-2" }),
                "another nonce" => conductor.Sign(order with { AgentNonce = new string('0', 64) }),
                "unknown signer" => conductor.Sign(order, stranger),
                "image signer" => conductor.Sign(order, conductor.ImageKey),
                "future trust" => conductor.Sign(order with { TrustVersion = 9 }),
                "another disk" => conductor.Sign(order with { Target = AgentUnderTest.Disk with { ByPath = "pci-0000:00:09.0-nvme-1" } }),
                "another size" => conductor.Sign(order with { Target = AgentUnderTest.Disk with { SizeBytes = 512 } }),
                "unknown step" => conductor.Sign(order with { Steps = [new OrderStep("format-everything")] }),
                "no steps" => conductor.Sign(order with { Steps = [] }),
                "step after reboot" => conductor.Sign(order with { Steps = [new OrderStep(OrderSteps.Reboot), new OrderStep(OrderSteps.WriteImage)] }),
                "step twice" => conductor.Sign(order with { Steps = [new OrderStep(OrderSteps.WriteImage), new OrderStep(OrderSteps.WriteImage)] }),
                "unknown need" => conductor.Sign(order with { Requires = [OrderNeeds.Layout, "a-later-idea"] }),
                "odd swap" => conductor.Sign(order with { Layout = new LayoutOrder(3, (1 << 20) + 1) }),
                _ => conductor.Sign(order with { NotAfter = order.IssuedAt.AddMinutes(-10) }),
            };
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the refusal", () => agent.Output.Contains("The order is refused", StringComparison.Ordinal));
        conductor.Heartbeats.Clear();
        await agent.UntilAsync("the agent to go on beating", () => conductor.Heartbeats.Count > 2);

        Assert.Contains(cause, agent.Output, StringComparison.Ordinal);
        Assert.Equal((0, 0), (agent.DiskOpened, agent.Restarts));
        Assert.All(conductor.Reports, report => Assert.Equal(StepOutcome.Failed, report.Outcome));
        if (fault == "no steps")
            return;
        Assert.Contains(cause, conductor.Reports.First().Cause, StringComparison.Ordinal);
        Assert.Equal(fault is "another disk" or "another size" ? FailureCodes.DiskMissing : FailureCodes.OrderRefused, conductor.Reports.First().Code);
        Assert.Equal(fault switch { "unknown step" => "format-everything", "step after reboot" => OrderSteps.Reboot, _ => OrderSteps.WriteImage }, conductor.Reports.First().Step);
    }

    [Fact]
    public async Task Order_ExpiredOnItsWay_IsAskedForAnewAndNothingIsReported()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask =>
        {
            var order = conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot);
            if (conductor.Nonces.Count == 1)
                clock.Jump(order.NotAfter - order.IssuedAt + TimeSpan.FromSeconds(1));
            return conductor.Sign(order);
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), clock);

        await agent.EndAsync();

        Assert.Contains("was good for 600 seconds", agent.Output, StringComparison.Ordinal);
        Assert.Equal(2, conductor.Nonces.Distinct(StringComparer.Ordinal).Count());
        Assert.DoesNotContain(conductor.Reports, report => report.Outcome == StepOutcome.Failed);
        Assert.Equal(1, agent.Restarts);
    }

    [Fact]
    public async Task Question_NotAnsweredForMinutes_IsReplacedByANewOne()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = _ => throw new InvalidOperationException("the conductor cannot answer now");
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), clock);
        await agent.UntilAsync("the question to be asked again", () => conductor.Nonces.Count > 2);
        var first = Assert.Single(conductor.Nonces.Distinct(StringComparer.Ordinal));

        clock.Jump(TimeSpan.FromMinutes(4));
        await agent.UntilAsync("a new question", () => conductor.Nonces.Any(nonce => nonce != first));
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await agent.EndAsync();

        Assert.Equal(2, conductor.Nonces.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Order_SentAgainForALaterQuestion_IsRefused()
    {
        byte[]? first = null;
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask =>
        {
            if (first is not null)
                return first;
            first = conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
            return null;
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the refusal", () => agent.Output.Contains("does not answer this agent's question", StringComparison.Ordinal));

        // A question whose answer was lost is asked again as it was; an answered one never.
        Assert.True(conductor.Nonces.Distinct(StringComparer.Ordinal).Count() > 1);
        Assert.Equal(0, agent.Restarts);
    }

    [Fact]
    public async Task Order_BootScriptPinsNoTrust_IsNotEvenAskedFor()
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(withTrust: false));

        await agent.UntilAsync("the agent to see the order", () => agent.Output.Contains("An order waits, but the boot script pinned no trust document", StringComparison.Ordinal));
        conductor.Heartbeats.Clear();
        await agent.UntilAsync("more heartbeats", () => conductor.Heartbeats.Count > 2);

        Assert.Empty(conductor.Nonces);
        Assert.Single(agent.Output.Split('\n'), line => line.Contains("An order waits", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Order_TrustDocumentNamesAnotherCa_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var other = await TestConductor.StartAsync();
        // Another conductor's key and CA, but this one's address: a stolen order key gives nobody a place to order from.
        conductor.Chain.Clear();
        conductor.Chain.AddRange(other.Chain);
        conductor.Order = ask => other.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the refusal", () => agent.Output.Contains("lets a conductor with the CA", StringComparison.Ordinal));

        Assert.Equal(0, agent.Restarts);
    }

    [Fact]
    public async Task Step_ThatThrowsWhatNobodyExpected_FailsAndTheAgentGoesOn()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), beforeDisk: () => throw new InvalidOperationException("of all things"));

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await agent.EndAsync();

        Assert.Contains("of all things", conductor.Reports.First(report => report.Outcome == StepOutcome.Failed).Cause, StringComparison.Ordinal);
        Assert.Equal(1, agent.Restarts);
    }

    [Fact]
    public async Task Console_StoppedForGood_HoldsUpNeitherHeartbeatsNorTheDeploy()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        using var stopped = new StoppableWriter();
        stopped.Stop();
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), output: stopped);

        await agent.EndAsync();

        Assert.Equal(1, agent.Restarts);
        Assert.Empty(stopped.ToString());
        image.AssertIsOn(_tree);
        stopped.Continue();
    }

    [Fact]
    public async Task Order_AbortedWhileItRuns_StopsReportsAndWaitsForTheNext()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        var held = new TaskCompletionSource();
        conductor.ManifestIsReady = held.Task;
        conductor.Order = ask =>
        {
            conductor.Abort = true;
            return conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        };
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the end of the aborted step", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Abort = false;
        held.SetResult();
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await agent.EndAsync();

        Assert.Contains("aborted by the conductor", conductor.Reports.Single(report => report.Outcome == StepOutcome.Failed).Cause, StringComparison.Ordinal);
        Assert.Equal(1, agent.Restarts);
    }

    [Fact]
    public async Task Order_AgentIsStoppedWhileItRuns_IsLeftForTheNextStart()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.ManifestIsReady = new TaskCompletionSource().Task;
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using (var first = AgentUnderTest.Start(_tree, conductor.Boot()))
        {
            await first.UntilAsync("a heartbeat from the step", () => conductor.Heartbeats.Any(beat => beat is { OrderId: "job-1", Step: OrderSteps.WriteImage }));
            await first.StopAsync();
        }
        Assert.DoesNotContain(conductor.Reports, report => report.Outcome == StepOutcome.Failed);

        conductor.ManifestIsReady = Task.CompletedTask;
        await using var second = AgentUnderTest.Start(_tree, conductor.Boot());
        await second.EndAsync();

        Assert.Equal(2, conductor.Nonces.Distinct(StringComparer.Ordinal).Count());
        image.AssertIsOn(_tree);
    }

    [Fact]
    public async Task Order_ConductorIsAwayWhenAStepEnds_IsReportedWhenItIsBack()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        var held = new TaskCompletionSource();
        conductor.ManifestIsReady = held.Task;
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());
        await agent.UntilAsync("the step to begin", () => !conductor.Reports.IsEmpty);

        await conductor.GoAwayAsync();
        held.SetResult();
        await agent.UntilAsync("the outage", () => agent.Output.Contains("cannot be reached", StringComparison.Ordinal));
        await conductor.ComeBackAsync();
        await agent.EndAsync();

        Assert.Equal(3, conductor.Reports.Count(report => report.Outcome == StepOutcome.Done));
        image.AssertIsOn(_tree);
    }

    private static string Hex(long value) => Convert.ToHexStringLower(BitConverter.GetBytes(value));

    private byte[] Variable(string name) => File.ReadAllBytes(Path.Join(_tree.Root, $"{EfiVariables}/{name}{Vendor}"));
}
