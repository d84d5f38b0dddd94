using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>From power-on to an SSH login on a real Debian, on both firmwares, by Redfish and by IPMI.</summary>
public abstract class WholeWay : SiteTests
{
    private static readonly string[] Questions =
    [
        "hostname",
        "cat /run/cloud-init/cloud-id",
        "cat /etc/told",
        "cat /sys/firmware/efi/fw_platform_size 2>/dev/null || echo bios",
        "lsblk -dno PTTYPE /dev/vda",
        // Of 8 GiB: the root partition has grown up to the config drive.
        "[ $(df --output=size -m / | tail -n 1) -gt 7500 ] && echo grown",
        "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2",
    ];

    private static readonly TimeSpan SshBound = TimeSpan.FromMinutes(8);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private protected async Task AssertLetsTheOperatorInAsync(FirmwareMode firmware, string partitionTable, string dhcp, LabPower power)
    {
        var site = await OpenAsync(partitionTable == "dos" ? BuildOutputs.DebianMbrImage : BuildOutputs.DebianImage, new LabConductorSettings { DhcpMode = dhcp }, power);
        var ssh = await SshKey.CreateAsync(site.Lan.Folder, Cancel);
        var userData = Path.Combine(site.Lan.Folder, "user-data");
        await File.WriteAllTextAsync(userData, "#cloud-config\nwrite_files:\n- {path: /etc/told, content: \"by user data\\n\"}\n", Cancel);
        var server = await site.AddAvailableServerAsync(firmware);

        var deployed = await site.EndOf(await site.DeployAsync(server, "--ssh-key", ssh.PublicFile, "--user-data", userData, "--wait-for", "phone-home"));

        Assert.True(deployed.Outcome == JobOutcome.Done, site.Explain(deployed));
        var node = await site.NodeAsync(server);
        Assert.Equal(NodeState.Active, node.State);
        var said = await ssh.LoginAsync(site.Lan.Conductor, node.Address!, string.Join("; ", Questions), SshBound, Cancel);
        Assert.Equal(
            [
                server.Spec.Name, "configdrive", "by user data", firmware == FirmwareMode.Uefi ? "64" : "bios", partitionTable, "grown",
                Assert.Single(node.SshHostKeys!, key => key.PublicKey.StartsWith("ssh-ed25519 ", StringComparison.Ordinal)).Fingerprint,
            ],
            said);
    }
}

/// <summary>The conductor is the LAN's DHCP server.</summary>
public sealed class WholeWayTests : WholeWay
{
    [Theory]
    [InlineData(FirmwareMode.Bios)]
    [InlineData(FirmwareMode.Uefi)]
    public Task Deploy_DebianOnAnEmptyDisk_BootsItAndLetsTheOperatorIn(FirmwareMode firmware) =>
        AssertLetsTheOperatorInAsync(firmware, "gpt", "server", LabPower.Redfish);
}

/// <summary>Another DHCP server gives the addresses.</summary>
public sealed class WholeWayBesideAnotherServerTests : WholeWay
{
    [Theory]
    [InlineData(FirmwareMode.Bios, "dos", LabPower.Redfish)]
    [InlineData(FirmwareMode.Uefi, "gpt", LabPower.Ipmi)]
    public Task Deploy_DebianOnAnEmptyDisk_BootsItAndLetsTheOperatorIn(FirmwareMode firmware, string partitionTable, LabPower power) =>
        AssertLetsTheOperatorInAsync(firmware, partitionTable, "proxy", power);
}
