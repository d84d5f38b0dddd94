using System.Text;
using System.Text.Json.Nodes;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>One flipped bit in what the conductor serves: nothing unverified is written, the job says what is wrong, and the disk does not boot.</summary>
public sealed class TamperTests : SiteTests
{
    private static readonly TimeSpan SshBound = TimeSpan.FromMinutes(3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deploy_BitFlippedInSource_FailsNamingTheChunkDoesNotBootAndLetsInWhereItFailed()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        var source = site.Blobs().MaxBy(blob => blob.Length)!;
        Site.Flip(source, source.Length / 2);

        var failed = await site.EndOf(await site.DeployAsync(server));

        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        Assert.Contains("chunk", failed.Cause, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(NodeState.Failed, (await site.NodeAsync(server)).State);
        Assert.True(Site.FirstBytes(server, 512).All(value => value == 0), "The first sector of the disk, without which no firmware boots it, is not blank.");

        await AssertRescueLetsInWhereItFailedAsync(site, server, failed);
    }

    [Fact]
    public async Task Deploy_BitFlippedInDiskIndexOrInManifest_IsRefusedWithNothingWritten()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        foreach (var index in site.Blobs().OrderBy(blob => blob.Length).Take(2))
            Site.Flip(index, 5);

        var failed = await site.EndOf(await site.DeployAsync(server));

        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        Assert.Contains("index", failed.Cause, StringComparison.OrdinalIgnoreCase);

        await site.Conductor.RunAsync(["node", "approve", server.Spec.Name], Cancel);
        await site.Conductor.StopAsync(Cancel);
        FlipManifest(site);
        await site.Conductor.StartAsync(Cancel);

        var refused = await site.Conductor.TryRunAsync(["deploy", server.Spec.Name, "--image", site.Image.Name, "--wait"], cancellationToken: Cancel);

        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("sign", refused.Output, StringComparison.OrdinalIgnoreCase);
        await AssertNothingWrittenAsync(server);
    }

    private static async Task AssertRescueLetsInWhereItFailedAsync(Site site, VirtualServer server, Job failed)
    {
        var key = await SshKey.CreateAsync(site.Lan.Folder, Cancel);

        await site.RescueAsync(server, key);

        var log = await key.LoginAsync(site.Lan.Conductor, (await site.NodeAsync(server)).Address!, "cat /run/agent/log", SshBound, "root", Cancel);
        Assert.Contains(log, line => line.Contains(failed.Cause!.Split('.')[0], StringComparison.Ordinal));
        var ended = await site.EndOf(await site.StartAsync("node", "unrescue", server.Spec.Name));
        Assert.True(ended.Outcome == JobOutcome.Done, site.Explain(ended));
        var node = await site.NodeAsync(server);
        Assert.Equal((NodeState.Failed, failed.Cause), (node.State, node.Cause));
    }

    /// <summary>The stored envelope's payload is base64 text inside the database file; one letter of it becomes another.</summary>
    private static void FlipManifest(Site site)
    {
        var payload = JsonNode.Parse(File.ReadAllText(site.Image.ManifestFile))!["payload"]!.GetValue<string>();
        var file = Path.Combine(site.Conductor.StateDirectory, "conductor.db");
        var bytes = File.ReadAllBytes(file);
        var at = bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(payload[..200]));
        Assert.True(at >= 0, $"The manifest was not found in {file}.");
        bytes[at + 120] = (byte)(bytes[at + 120] == 'A' ? 'B' : 'A');
        File.WriteAllBytes(file, bytes);
    }

    /// <summary>The disk is as it came: not one byte of it is other than zero.</summary>
    private static async Task AssertNothingWrittenAsync(VirtualServer server)
    {
        await server.PowerOffAsync();
        using var disk = File.OpenRead(server.DiskPath());
        var buffer = new byte[1 << 20];
        for (int count; (count = disk.Read(buffer)) > 0;)
            Assert.False(buffer.AsSpan(0, count).ContainsAnyExcept((byte)0), $"Something was written before byte {disk.Position}.");
    }
}
