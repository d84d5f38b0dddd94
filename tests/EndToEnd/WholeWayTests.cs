using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>From power-on to an SSH login on a real Debian, on both firmwares, as the LAN's DHCP server and beside another one, by Redfish and by IPMI.</summary>
public sealed class WholeWayTests : SiteTests
{
    private static readonly TimeSpan SshBound = TimeSpan.FromMinutes(8);

    [Theory]
    [InlineData(FirmwareMode.Bios, "server", LabPower.Redfish)]
    [InlineData(FirmwareMode.Uefi, "server", LabPower.Redfish)]
    [InlineData(FirmwareMode.Bios, "proxy", LabPower.Redfish)]
    [InlineData(FirmwareMode.Uefi, "proxy", LabPower.Ipmi)]
    public async Task Deploy_DebianOnAnEmptyDisk_BootsItAndLetsTheOperatorIn(FirmwareMode firmware, string dhcp, LabPower power)
    {
        var site = await OpenAsync(BuildOutputs.DebianImage, new LabConductorSettings { DhcpMode = dhcp }, power);
        var ssh = await SshKey.CreateAsync(site.Lan.Folder, TestContext.Current.CancellationToken);
        var server = await site.AddAvailableServerAsync(firmware);

        var deployed = await site.EndOf(await site.DeployAsync(server, "--ssh-key", ssh.PublicFile, "--wait-for", "phone-home"));

        Assert.True(deployed.Outcome == JobOutcome.Done, site.Explain(deployed));
        var node = await site.NodeAsync(server);
        Assert.Equal(NodeState.Active, node.State);
        var said = await ssh.LoginAsync(site.Lan.Conductor, node.Address!, "hostname; cat /sys/firmware/efi/fw_platform_size 2>/dev/null || echo bios; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2", SshBound, TestContext.Current.CancellationToken);
        Assert.Equal([server.Spec.Name, firmware == FirmwareMode.Uefi ? "64" : "bios", Assert.Single(node.SshHostKeys!, key => key.PublicKey.StartsWith("ssh-ed25519 ", StringComparison.Ordinal)).Fingerprint], said);
    }
}
