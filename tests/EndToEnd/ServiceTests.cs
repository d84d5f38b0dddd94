using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>What comes after the deploy: somebody has to look at the server's disk, and one day its service is over.</summary>
public sealed class ServiceTests : SiteTests
{
    private static readonly TimeSpan BootBound = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan RefusalBound = TimeSpan.FromSeconds(10);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Server_ThatRuns_IsRescuedBootsItsDiskAgainAndIsReleasedErased()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Uefi);
        await site.AssertFinishesAsync(server, await site.DeployAsync(server));

        await AssertRescueLetsTheKeyInAndNoOtherAsync(site, server);
        await AssertUnrescueBootsTheDiskAsync(site, server);
        await AssertReleaseErasesTheDiskAsync(site, server);
    }

    private static async Task AssertRescueLetsTheKeyInAndNoOtherAsync(Site site, VirtualServer server)
    {
        var key = await SshKey.CreateAsync(site.Lan.Folder, Cancel);
        var other = await SshKey.CreateAsync(Directory.CreateDirectory(Path.Combine(site.Lan.Folder, "other")).FullName, Cancel);

        var job = await site.RescueAsync(server, key);

        var node = await site.NodeAsync(server);
        Assert.Equal(NodeState.Rescuing, node.State);
        Assert.StartsWith("SHA256:", (await site.JobAsync(job.Id)).Rescue!.HostKey!.Fingerprint, StringComparison.Ordinal);
        var said = await key.LoginAsync(site.Lan.Conductor, node.Address!, "id -u; cat /sys/class/block/vda/size; cat /root/.ssh/authorized_keys | wc -l", BootBound, "root", Cancel);
        Assert.Equal(["0", $"{server.Spec.Disks[0].SizeBytes / 512}", "1"], said);
        var refused = await Assert.ThrowsAsync<TimeoutException>(() => other.LoginAsync(site.Lan.Conductor, node.Address!, "true", RefusalBound, "root", Cancel));
        Assert.Contains("Permission denied", refused.Message, StringComparison.Ordinal);
    }

    private static async Task AssertUnrescueBootsTheDiskAsync(Site site, VirtualServer server)
    {
        var restarted = server.Serial.Mark;

        var ended = await site.EndOf(await site.StartAsync("node", "unrescue", server.Spec.Name));

        Assert.True(ended.Outcome == JobOutcome.Done, site.Explain(ended));
        Assert.Equal(NodeState.Active, (await site.NodeAsync(server)).State);
        await server.Serial.WaitForLineAsync("TINY-READY", BootBound, restarted, Cancel);
    }

    private static async Task AssertReleaseErasesTheDiskAsync(Site site, VirtualServer server)
    {
        var released = await site.EndOf(await site.StartAsync("node", "release", server.Spec.Name, "--depth", "zero"));

        Assert.True(released.Outcome == JobOutcome.Done, site.Explain(released));
        var disk = Assert.Single(released.Cleaning!.Report!);
        Assert.Equal((server.Spec.Disks[0].SizeBytes, server.Spec.Disks[0].SizeBytes, 0), (disk.SizeBytes, disk.ErasedBytes, disk.FailedBytes));
        var node = await site.NodeAsync(server);
        Assert.Equal((NodeState.Available, null), (node.State, node.Image));
        // Boots of its agent, and a system between them: the hardware is what it was.
        var history = await site.Conductor.QueryAsync(["node", "inventory", server.Spec.Name, "--history"], ApiJson.Default.PageKeptInventory, Cancel);
        var kept = Assert.Single(history.Items);
        Assert.True(kept.LastSeen > kept.FirstSeen, $"{kept}");

        var image = (int)new FileInfo(BuildOutputs.TinyRawImage).Length;
        Assert.False(Site.FirstBytes(server, image).AsSpan().ContainsAnyExcept((byte)0), "Something of the image is left on the disk.");
        Assert.False(Site.Bytes(server.DiskPath(), disk.SizeBytes - (1 << 20), 1 << 20).AsSpan().ContainsAnyExcept((byte)0), "Something of the backup table is left on the disk.");
    }
}
