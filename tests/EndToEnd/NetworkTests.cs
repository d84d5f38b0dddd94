using System.Net;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>A network that is not plain DHCP on one card, or not there at first: the firmware boots by it all the same, and the ramdisk goes on as its node was set up.</summary>
public sealed class NetworkTests : SiteTests
{
    private const string SecondMac = "52:54:00:78:00:01";
    private const string Address = "10.78.0.5";

    private static readonly IPAddress Router = IPAddress.Parse("10.78.0.1");

    private static readonly LabConductorSettings ServerRamdisk = new() { RamdiskDirectory = BuildOutputs.ServerRamdisk };

    private static readonly TimeSpan BootBound = TimeSpan.FromMinutes(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Inspect_BondOfTwoCardsWithAnAddressOfItsOwn_ReachesTheConductorByIt()
    {
        var site = await OpenAsync(BuildOutputs.TinyServerImage, ServerRamdisk);
        await site.Lan.AddNetworkAsync(Router, Cancel);
        var server = await site.AddServerAsync(FirmwareMode.Bios, spec => spec with { SecondMac = SecondMac });
        await EditAsync(site, server.Spec.Name, "--mtu", "1400", "--bond", $"active-backup:{server.Spec.Mac},{SecondMac}", "--address", $"{Address}/24", "--gateway", $"{Router}");

        var inspected = await site.EndOf(await site.StartAsync("node", "inspect", server.Spec.Name));

        Assert.True(inspected.Outcome == JobOutcome.Done, site.Explain(inspected));
        var node = await site.NodeAsync(server);
        Assert.Equal(Address, node.Address);
        Assert.Equal([(server.Spec.Mac, true), (SecondMac, false)], node.Inventory!.NetworkInterfaces.Select(card => (card.Mac, card.Boot)));
        var said = await File.ReadAllTextAsync(server.Serial.Path, Cancel);
        Assert.Contains($"ramdisk: eth0 ({server.Spec.Mac}) is part of bond0.", said, StringComparison.Ordinal);
        Assert.Contains($"ramdisk: eth1 ({SecondMac}) is part of bond0.", said, StringComparison.Ordinal);
        Assert.Contains($"ramdisk: bond0 has the address {Address}/24.", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_OnAVlanThatNobodyServes_AsksThereAndNotOnTheUntaggedNetwork()
    {
        var site = await OpenAsync();
        var server = await site.AddServerAsync(FirmwareMode.Bios);
        await EditAsync(site, server.Spec.Name, "--vlan", "12");

        await site.StartAsync("node", "inspect", server.Spec.Name);

        await server.Serial.WaitForLineAsync($"Asking for an address by DHCP on eth0.12 ({server.Spec.Mac}", BootBound, cancellationToken: Cancel);
        // The conductor answers at once where it is asked.
        await server.Serial.WaitForLineAsync($"No DHCP server has answered on eth0 ({server.Spec.Mac}), VLAN 12, yet", BootBound, cancellationToken: Cancel);
    }

    [Fact]
    public async Task Inspect_NoLinkAtFirstAndThenAPortThatIsShut_SaysSoAndGoesOnWhenItOpens()
    {
        var site = await OpenAsync(BuildOutputs.TinyServerImage, ServerRamdisk);
        var server = await site.AddServerAsync(FirmwareMode.Bios, spec => spec with { MachineType = "q35", NetworkCard = "e1000e" });

        var job = await site.StartAsync("node", "inspect", server.Spec.Name);
        await server.Serial.WaitForLineAsync("Linux version", BootBound, cancellationToken: Cancel);
        await server.SetLinkAsync(up: false, Cancel);
        await server.Serial.WaitForLineAsync("has no link: is its cable plugged in", BootBound, cancellationToken: Cancel);
        // As behind a switch with spanning tree: a link, and nothing goes through.
        await server.UnplugAsync(Cancel);
        await server.SetLinkAsync(up: true, Cancel);
        await server.Serial.WaitForLineAsync($"Asking for an address by DHCP on eth0 ({server.Spec.Mac}, 1000 Mbit/s)", BootBound, cancellationToken: Cancel);
        await server.Serial.WaitForLineAsync("No DHCP server has answered on eth0", BootBound, cancellationToken: Cancel);
        await server.PlugInAsync(Cancel);

        var inspected = await site.EndOf(job);
        Assert.True(inspected.Outcome == JobOutcome.Done, site.Explain(inspected));
        Assert.Equal(1, inspected.Attempt);
    }

    private static Task<string> EditAsync(Site site, string node, params string[] settings) => site.Conductor.RunAsync(["node", "edit", node, .. settings], Cancel);
}
