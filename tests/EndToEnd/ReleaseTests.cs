using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>The end of a server's service.</summary>
public sealed class ReleaseTests : SiteTests
{
    [Fact]
    public async Task Release_AServerThatRuns_ErasesItsDiskAndMakesItAvailable()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        await site.AssertFinishesAsync(server, await site.DeployAsync(server));

        var released = await site.EndOf(await site.StartAsync("node", "release", server.Spec.Name, "--depth", "zero"));

        Assert.True(released.Outcome == JobOutcome.Done, site.Explain(released));
        var disk = Assert.Single(released.Cleaning!.Report!);
        Assert.Equal((server.Spec.Disks[0].SizeBytes, server.Spec.Disks[0].SizeBytes, 0), (disk.SizeBytes, disk.ErasedBytes, disk.FailedBytes));
        var node = await site.NodeAsync(server);
        Assert.Equal((NodeState.Available, null), (node.State, node.Image));
        var image = (int)new FileInfo(BuildOutputs.TinyRawImage).Length;
        Assert.False(Site.FirstBytes(server, image).AsSpan().ContainsAnyExcept((byte)0), "Something of the image is left on the disk.");
        Assert.False(Site.Bytes(server.DiskPath(), disk.SizeBytes - (1 << 20), 1 << 20).AsSpan().ContainsAnyExcept((byte)0), "Something of the backup table is left on the disk.");
    }
}
