using System.Text;
using System.Text.Json.Nodes;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>One flipped bit in what the conductor serves: nothing unverified is written, the job says what is wrong, and the disk does not boot.</summary>
public sealed class TamperTests : SiteTests
{
    [Fact]
    public async Task Deploy_BitFlippedInSource_FailsNamingTheChunkAndDoesNotBoot()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        var source = site.Blobs().MaxBy(blob => blob.Length)!;
        Site.Flip(source, source.Length / 2);

        var failed = await site.EndOf(await site.DeployAsync(server));

        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        Assert.Contains("chunk", failed.Cause, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(NodeState.Failed, (await site.NodeAsync(server)).State);
        await AssertUnbootableAsync(server);
    }

    [Fact]
    public async Task Deploy_BitFlippedInDiskIndex_IsRefusedWithNothingWritten()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        foreach (var index in site.Blobs().OrderBy(blob => blob.Length).Take(2))
            Site.Flip(index, 5);

        var failed = await site.EndOf(await site.DeployAsync(server));

        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        Assert.Contains("index", failed.Cause, StringComparison.OrdinalIgnoreCase);
        await AssertNothingWrittenAsync(server);
    }

    [Fact]
    public async Task Deploy_BitFlippedInManifest_IsRefusedWithNothingWritten()
    {
        var site = await OpenAsync();
        var server = await site.AddAvailableServerAsync(FirmwareMode.Bios);
        await site.Conductor.StopAsync(TestContext.Current.CancellationToken);
        FlipManifest(site);
        await site.Conductor.StartAsync(TestContext.Current.CancellationToken);

        var refused = await site.Conductor.TryRunAsync(["deploy", server.Spec.Name, "--image", site.Image.Name, "--wait"], cancellationToken: TestContext.Current.CancellationToken);

        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("sign", refused.Output, StringComparison.OrdinalIgnoreCase);
        await AssertNothingWrittenAsync(server);
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

    /// <summary>The first sector, without which no firmware boots a disk, is all zeros.</summary>
    private static async Task AssertUnbootableAsync(VirtualServer server)
    {
        await server.PowerOffAsync();
        Assert.True(Site.FirstBytes(server, 512).All(value => value == 0), "The first sector of the disk is not blank.");
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
