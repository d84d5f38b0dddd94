using Baremetal.Api;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>A restart by the installed kernel: it starts what was signed, or the firmware does.</summary>
public sealed class KexecTests(SignedDisk image) : IClassFixture<SignedDisk>, IDisposable
{
    private const int RootNumber = 3;

    // No whole number of sectors or of blocks, in a partition before the root.
    private static readonly DiskExtent Kernel = new(2 << 20, (1 << 20) + 4321);
    private static readonly DiskExtent Ramdisk = new(4 << 20, 1000);

    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Fact]
    public async Task Reboot_ByKexec_LoadsKernelAndRamdiskAsSignedAndNamesTheDisksOwnRoot()
    {
        var partition = Partition();
        await using var conductor = await ConductorAsync(partition);
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());
        await agent.EndAsync();

        var (kernel, ramdisk, arguments) = Assert.NotNull(agent.Loaded);
        Assert.Equal((partition.KernelSha256, partition.RamdiskSha256), (Digest.Of(kernel), Digest.Of(ramdisk)));
        Assert.Equal($"root=PARTUUID={RootId()} ro console=ttyS0", arguments);
        Assert.Equal(1, agent.KernelStarts);
        Assert.False(Directory.Exists(Path.Join(_tree.Root, "run/kexec")), "the kernel's files take up memory");
    }

    [Fact]
    public async Task Reboot_NotByKexec_LoadsNothing()
    {
        await using var conductor = await ConductorAsync(Partition(), byKexec: false);
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());
        await agent.EndAsync();

        Assert.Null(agent.Loaded);
        Assert.Equal((0, 1), (agent.KernelStarts, agent.Restarts));
    }

    [Theory]
    [InlineData("kernel", "is not what was signed")]
    [InlineData("ramdisk", "is not what was signed")]
    [InlineData("root", "has no partition 9")]
    [InlineData("place", "Where the installed kernel lies is not known")]
    [InlineData("kexec", "Operation not permitted")]
    [InlineData("memory", "There is too little memory to ready the installed kernel.")]
    [InlineData("killed", "The agent did not live through the first try to ready the installed kernel.")]
    public async Task Reboot_ByKexecThatCannotBe_IsLeftToTheFirmwareAndSaysWhy(string fault, string why)
    {
        var other = Digest.Of("other"u8);
        var partition = Partition();
        await using var conductor = await ConductorAsync(fault switch
        {
            "kernel" => partition with { KernelSha256 = other },
            "ramdisk" => partition with { RamdiskSha256 = other },
            "root" => partition with { RootPartition = 9 },
            "place" => partition with { Ramdisk = null },
            _ => partition,
        });
        if (fault == "memory")
            _tree.Write("/proc/meminfo", "MemTotal:         219544 kB\nMemAvailable:      60000 kB\n");
        if (fault == "killed")
            _tree.Write("/run/kexec/kernel", "half of it");
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), loadKernel: () => fault == "kexec" ? new IOException("kexec_file_load: Operation not permitted") : null);
        await agent.EndAsync();

        Assert.Contains(why, agent.Output, StringComparison.Ordinal);
        Assert.Contains("The firmware starts it instead.", agent.Output, StringComparison.Ordinal);
        Assert.Equal((0, 1), (agent.KernelStarts, agent.Restarts));
        Assert.Contains(conductor.Reports, report => report is { Step: OrderSteps.Reboot, Outcome: StepOutcome.Done });
    }

    private async Task<TestConductor> ConductorAsync(PartitionImage partition, bool byKexec = true)
    {
        var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor, partition);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk) with
        {
            Steps = [new OrderStep(OrderSteps.WriteImage), new OrderStep(OrderSteps.Reboot, byKexec ? RebootArguments.ByKexec : null)],
        });
        return conductor;
    }

    private PartitionImage Partition() => new(
        RootNumber, 8 << 20, 7 << 20, "ext4", Digest.Of("root"u8), DigestOf(Kernel), DigestOf(Ramdisk), "console=ttyS0", Kernel, Ramdisk);

    private Digest DigestOf(DiskExtent extent) => Digest.Of(image.Bytes.AsSpan((int)extent.Offset, (int)extent.Bytes));

    private Guid RootId()
    {
        using var disk = FileTarget.Open(AgentUnderTest.DiskPath(_tree), AgentUnderTest.DiskBytes).Target!;
        Assert.True(DiskPartitions.TryRead(disk, 512, out var partitions, out var rejection), rejection?.ToString());
        return partitions.Single(partition => partition.Number == RootNumber).Entry.Id;
    }
}
