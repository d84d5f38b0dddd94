using System.Diagnostics;
using Baremetal.Api;

namespace Baremetal.EndToEnd;

/// <summary>A server whose second disk has a config drive of an earlier life.</summary>
public sealed class ConfigDriveTests : SiteTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deploy_BesideAnOldConfigDrive_IsRefusedAndRemovesItWhenToldTo()
    {
        var site = await OpenAsync();
        var server = await site.AddServerAsync(FirmwareMode.Bios, spec => spec with { Disks = [new(Serial: "SYSTEM"), new(64 << 20, "DATA")] });
        using (var mkfs = Process.Start(new ProcessStartInfo("mkfs.vfat", ["-n", "CONFIG-2", server.DiskPath(1)]) { UseShellExecute = false })!)
            await mkfs.WaitForExitAsync(Cancel);
        var inspected = await site.EndOf(await site.StartAsync("node", "inspect", server.Spec.Name));
        Assert.True(inspected.Outcome == JobOutcome.Done, site.Explain(inspected));
        await site.Conductor.RunAsync(["node", "approve", server.Spec.Name], Cancel);

        var refused = await site.Conductor.TryRunAsync(["deploy", server.Spec.Name, "--image", site.Image.Name, "--root-device", "serial=SYSTEM", "--hostname", "web7"], cancellationToken: Cancel);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("--remove-config-drive serial=DATA", refused.Output, StringComparison.Ordinal);

        await site.AssertFinishesAsync(server, await site.DeployAsync(server, "--root-device", "serial=SYSTEM", "--remove-config-drive", "serial=DATA"));
        Assert.False(Site.Bytes(server.DiskPath(1), 0, 1 << 20).AsSpan().ContainsAnyExcept((byte)0), "The old config drive is still there.");
    }
}
