using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>Deploys of partition images: what is ordered, what is planned, and what is refused before a machine is touched.</summary>
public sealed class PartitionImageTests
{
    private const long MiB = 1 << 20;
    private const long RootOffset = 16 * MiB;
    private const long RootBytes = 47 * MiB;

    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly PartitionImage Parts = new(3, RootOffset, RootBytes, "ext4", Digest.Of("root"u8), Digest.Of("kernel"u8), Digest.Of("ramdisk"u8), "quiet", new DiskExtent(4 * MiB, 5000), new DiskExtent(8 * MiB, 6000));

    [Theory]
    [InlineData(null, 0)]
    [InlineData(2L << 30, 2L << 30)]
    public async Task Deploy_OfAPartitionImage_OrdersItsLayout(long? swap, long ordered)
    {
        await using var site = await StartAsync();

        await site.DeployAsync(new DeployNode("root", SwapBytes: swap));

        Assert.Equal(new LayoutOrder(3, ordered), (await site.OrderAsync()).Layout);
    }

    [Fact]
    public async Task Deploy_OfAPartitionImage_OrdersWhatOnlyAnAgentThatKnowsLayoutsMayObey()
    {
        await using var site = await StartAsync();

        await site.DeployAsync(new DeployNode("root"));

        Assert.Equal([OrderNeeds.Layout], (await site.OrderAsync()).Requires!);
    }

    [Fact]
    public async Task Deploy_OfAWholeDisk_OrdersNoLayout()
    {
        await using var site = await StartAsync();

        await site.DeployAsync();

        var order = await site.OrderAsync();
        Assert.Equal((null, null), (order.Layout, order.Requires));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deploy_ByKexec_SaysSoInTheStepThatRestarts(bool kexec)
    {
        await using var site = await StartAsync();

        await site.DeployAsync(new DeployNode("root", Kexec: kexec));

        var order = await site.OrderAsync();
        Assert.Equal(kexec, RebootArguments.AreByKexec(order.Steps[^1]));
        Assert.All(order.Steps[..^1], step => Assert.Null(step.Args));
    }

    [Theory]
    [InlineData("debian", "it is a whole disk, with a boot loader of its own.")]
    [InlineData("older", "it was signed by an older version.")]
    public async Task Deploy_ByKexecOfAnImageWhoseKernelIsNotKnown_IsRefused(string image, string why)
    {
        await using var site = await StartAsync();
        await site.Conductor.Operator.AddImageAsync(site.Conductor.Image.Manifest("older", partition: Parts with { Kernel = null }), None);

        var refusal = (await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(new DeployNode(image, Kexec: true)))).Problem;

        Assert.Equal(422, refusal.Status);
        Assert.EndsWith(why, refusal.Title, StringComparison.Ordinal);
        Assert.Contains("without --kexec", refusal.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DryRun_OfAPartitionImage_ShowsWhereEachPartWillLie()
    {
        await using var site = await StartAsync();

        var plain = await site.DeployAsync(new DeployNode("root", DryRun: true));
        var whole = await site.DeployAsync(new DeployNode("root", Hostname: "web-1", SwapBytes: 2L << 30, DryRun: true));

        var disk = TestAgent.OneDisk.SizeBytes;
        Assert.Equal([new("boot", 0, RootOffset), new("root", RootOffset, disk - MiB - RootOffset)], plain.Deployment!.Layout!);
        Assert.Equal(
            [
                new("boot", 0, RootOffset), new("root", RootOffset, disk - (2L << 30) - (9 * MiB) - RootOffset),
                new("swap", disk - (2L << 30) - (9 * MiB), 2L << 30), new("config-2", disk - (9 * MiB), 8 * MiB),
            ],
            whole.Deployment!.Layout!);
        Assert.Null((await site.DeployAsync(new DeployNode("debian", DryRun: true))).Deployment!.Layout);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }

    [Theory]
    [InlineData("debian", 1 << 20, "debian:12 is a whole disk, whose partitions are its own", 422)]
    [InlineData("root", 8L << 30, "needs 49283072 bytes for its root partition; on disk vda of node n1 there are 0 beside 8589934592 bytes of swap and the config drive", 422)]
    [InlineData("root", (8L << 30) - (71 << 20), "there are 48234496 beside", 422)]
    [InlineData("root", (1 << 20) + 1, "no whole number of MiB", 400)]
    [InlineData("root", 0, "no whole number of MiB", 400)]
    [InlineData("root", -(1 << 20), "no whole number of MiB", 400)]
    public async Task Deploy_WithSwapThatCannotBe_IsRefusedBeforeAnythingHappens(string image, long swap, string cause, int status)
    {
        await using var site = await StartAsync();

        var refusal = (await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(new DeployNode(image, Hostname: "web-1", SwapBytes: swap)))).Problem;

        Assert.Equal(status, refusal.Status);
        Assert.Contains(cause, refusal.Title, StringComparison.Ordinal);
        Assert.Equal((NodeState.Available, 1), ((await site.NodeAsync()).State, site.Bmc.Starts));
    }

    [Fact]
    public async Task Deploy_WithAllTheSwapThatFits_IsTaken()
    {
        await using var site = await StartAsync();

        await site.DeployAsync(new DeployNode("root", Hostname: "web-1", SwapBytes: (8L << 30) - (72 * MiB)));

        Assert.Equal((8L << 30) - (72 * MiB), (await site.OrderAsync()).Layout!.SwapBytes);
    }

    [Fact]
    public async Task Show_OfAPartitionImage_SaysWhatItIsMadeOf()
    {
        await using var site = await StartAsync();

        var image = await site.Conductor.Operator.GetImageAsync("root", None);

        Assert.Equal(new ImageParts("ext4", $"{Digest.Of("root"u8)}", $"{Digest.Of("kernel"u8)}", $"{Digest.Of("ramdisk"u8)}", "quiet"), image.Partition);
        Assert.Null((await site.Conductor.Operator.GetImageAsync("debian", None)).Partition);
    }

    private static async Task<TestSite> StartAsync()
    {
        var site = await TestSite.StartAvailableAsync();
        await site.Conductor.Operator.AddImageAsync(site.Conductor.Image.Manifest("root", partition: Parts), None);
        return site;
    }
}
