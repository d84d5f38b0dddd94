using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>A server whose disk somebody has to look at.</summary>
public sealed class RescueTests : SiteTests
{
    private static readonly TimeSpan SshBound = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan RefusalBound = TimeSpan.FromSeconds(10);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rescue_AServerThatRuns_LetsTheKeyInAndNoOtherAndUnrescueBootsTheDisk()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Uefi);
        await site.AssertFinishesAsync(server, await site.DeployAsync(server));
        var key = await SshKey.CreateAsync(site.Lan.Folder, Cancel);
        var other = await SshKey.CreateAsync(Directory.CreateDirectory(Path.Combine(site.Lan.Folder, "other")).FullName, Cancel);

        var job = await site.StartAsync("node", "rescue", server.Spec.Name, "--ssh-key", key.PublicFile, "--for", "1h");
        await site.UntilAsync(job, told => told.Text?.StartsWith("rescue: ssh root@", StringComparison.Ordinal) == true, "the rescue's SSH server");
        var node = await site.NodeAsync(server);
        Assert.Equal(NodeState.Rescuing, node.State);
        Assert.StartsWith("SHA256:", (await site.JobAsync(job.Id)).Rescue!.HostKey!.Fingerprint, StringComparison.Ordinal);
        var said = await key.LoginAsync(site.Lan.Conductor, node.Address!, "id -u; cat /sys/class/block/vda/size; cat /root/.ssh/authorized_keys | wc -l", SshBound, "root", Cancel);
        Assert.Equal(["0", $"{server.Spec.Disks[0].SizeBytes / 512}", "1"], said);
        var refused = await Assert.ThrowsAsync<TimeoutException>(() => other.LoginAsync(site.Lan.Conductor, node.Address!, "true", RefusalBound, "root", Cancel));
        Assert.Contains("Permission denied", refused.Message, StringComparison.Ordinal);

        var restarted = server.Serial.Mark;
        var ended = await site.EndOf(await site.StartAsync("node", "unrescue", server.Spec.Name));

        Assert.True(ended.Outcome == JobOutcome.Done, site.Explain(ended));
        Assert.Equal(NodeState.Active, (await site.NodeAsync(server)).State);
        await server.Serial.WaitForLineAsync("TINY-READY", SshBound, restarted, Cancel);
    }

    [Fact]
    public async Task Rescue_AServerWhoseDeployFailed_LetsInWhereItFailed()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        var source = site.Blobs().MaxBy(blob => blob.Length)!;
        Site.Flip(source, source.Length / 2);
        var failed = await site.EndOf(await site.DeployAsync(server));
        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        var key = await SshKey.CreateAsync(site.Lan.Folder, Cancel);

        var job = await site.StartAsync("node", "rescue", server.Spec.Name, "--ssh-key", key.PublicFile, "--for", "1h");
        await site.UntilAsync(job, told => told.Text?.StartsWith("rescue: ssh root@", StringComparison.Ordinal) == true, "the rescue's SSH server");
        var log = await key.LoginAsync(site.Lan.Conductor, (await site.NodeAsync(server)).Address!, "cat /run/agent/log", SshBound, "root", Cancel);
        Assert.Contains(log, line => line.Contains(failed.Cause!.Split('.')[0], StringComparison.Ordinal));

        var ended = await site.EndOf(await site.StartAsync("node", "unrescue", server.Spec.Name));
        Assert.True(ended.Outcome == JobOutcome.Done, site.Explain(ended));
        var node = await site.NodeAsync(server);
        Assert.Equal((NodeState.Failed, failed.Cause), (node.State, node.Cause));
    }
}
