using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>A server that nobody has heard of is switched on.</summary>
public sealed class DiscoveryTests : SiteTests
{
    [Theory]
    [InlineData(FirmwareMode.Bios)]
    [InlineData(FirmwareMode.Uefi)]
    public async Task Server_ThatNobodyEnrolled_IsPendingWithItsInventoryAndOnceApprovedIsDeployed(FirmwareMode firmware)
    {
        var site = await OpenAsync(conductor: new LabConductorSettings { Discovery = "on" });
        var server = await site.AddUnknownServerAsync(firmware);

        var pending = await site.UntilNodeAsync(server, node => node.Inventory is not null, "a pending node with its inventory");

        Assert.Equal((NodeState.Pending, firmware, server.Spec.Serial), (pending.State, pending.Inventory!.Firmware, pending.Inventory.System.Serial));
        Assert.Equal([pending.Id], (await site.Conductor.QueryAsync(["node", "list", "--state", "pending"], ApiJson.Default.PageNode, TestContext.Current.CancellationToken)).Items.Select(node => node.Id));
        await site.Conductor.RunAsync(["node", "edit", server.Spec.Mac, "--name", server.Spec.Name], TestContext.Current.CancellationToken);
        await site.Conductor.RunAsync(["node", "approve", server.Spec.Name], TestContext.Current.CancellationToken);

        // Its agent waits, so that nobody has to power it.
        await site.AssertFinishesAsync(server, await site.DeployAsync(server));
    }
}
