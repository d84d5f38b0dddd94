using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>Servers that nobody has heard of are switched on.</summary>
public sealed class DiscoveryTests : SiteTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Servers_ThatNobodyEnrolled_ArePendingWithTheirInventoryAndOnceApprovedAreDeployed()
    {
        var site = await OpenAsync(conductor: new LabConductorSettings { Discovery = "on" });
        var servers = new[] { await site.AddUnknownServerAsync(FirmwareMode.Bios), await site.AddUnknownServerAsync(FirmwareMode.Uefi) };

        var pending = await Task.WhenAll(servers.Select(server => AssertIsPendingAsync(site, server)));

        Assert.Equal(pending.Order(), (await site.Conductor.QueryAsync(["node", "list", "--state", "pending"], ApiJson.Default.PageNode, Cancel)).Items.Select(node => node.Id).Order());
        await Task.WhenAll(servers.Select(server => ApproveAndDeployAsync(site, server)));
    }

    private static async Task<string> AssertIsPendingAsync(Site site, VirtualServer server)
    {
        var pending = await site.UntilNodeAsync(server, node => node.Inventory is not null, "a pending node with its inventory");
        Assert.Equal((NodeState.Pending, server.Spec.Firmware, server.Spec.Serial), (pending.State, pending.Inventory!.Firmware, pending.Inventory.System.Serial));
        return pending.Id;
    }

    private static async Task ApproveAndDeployAsync(Site site, VirtualServer server)
    {
        await site.Conductor.RunAsync(["node", "edit", server.Spec.Mac, "--name", server.Spec.Name], Cancel);
        await site.Conductor.RunAsync(["node", "approve", server.Spec.Name], Cancel);
        // Its agent waits, so that nobody has to power it.
        await site.AssertFinishesAsync(server, await site.DeployAsync(server));
    }
}
