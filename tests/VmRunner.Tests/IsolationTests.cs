using System.Globalization;
using System.Text.Json;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>
/// What a hostile guest can do to its neighbours, its host and its metadata. Each attack is made twice: against the rules, and without them, where
/// it must succeed, or it would prove nothing. (Of metadata it is seen by whose it is.)
/// </summary>
[Trait("Needs", "VirtualServers")]
public sealed class IsolationTests(VmHost host) : VmTests(host)
{
    [Fact]
    public async Task Guests_OfOneNetwork_AreThemselvesOnly()
    {
        var image = await Host.TinyAsync();
        var victim = await Host.RunAsync(image, ["-e", "INSTANCE_ID=victim"]);
        var attacker = await Host.RunAsync(image, ["-e", "INSTANCE_ID=attacker"]);
        await victim.ReadyAsync();
        await attacker.ReadyAsync();
        // Who may speak is heard: without this, silence would prove nothing.
        Assert.True(await HearsAsync(attacker, attacker.Address));

        Assert.False(await AnswersForMetadataAsync(), "the host's ARP question after 169.254.169.254 was answered");
        Assert.False(await LeasesAsync(attacker), "a DHCP server in a guest gave an address to the host");
        Assert.False(await SpeaksIpv6Async(attacker), "a guest without an IPv6 address was heard in IPv6");
        Assert.False(await SpeaksAsAsync(attacker, victim.Address), "a guest was answered under its neighbour's address");
        Assert.False(await PoisonsAsync(attacker, victim), "a guest's ARP answer for its neighbour's address was believed");
        Assert.False(await TakesMacAsync(attacker, victim), "a guest was heard with its neighbour's MAC");
        Assert.Equal("attacker", await MetadataThroughAsync(attacker, victim));

        await WithoutRulesAsync(attacker);
        await WithoutRulesAsync(victim);

        Assert.True(await AnswersForMetadataAsync());
        Assert.True(await LeasesAsync(attacker));
        Assert.True(await SpeaksIpv6Async(attacker));
        Assert.True(await SpeaksAsAsync(attacker, victim.Address));
        Assert.True(await PoisonsAsync(attacker, victim));
        Assert.True(await TakesMacAsync(attacker, victim));
    }

    [Fact]
    public async Task Qemu_HasNoPrivilegeAndTheContainerFew()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), []);

        var qemu = await StatusAsync(await vm.QemuAsync());

        Assert.Equal(["107", "107", "107", "107"], Words(qemu["Uid"]));
        Assert.Equal(["107", "107", "107", "107"], Words(qemu["Gid"]));
        foreach (var set in new[] { "CapInh", "CapPrm", "CapEff", "CapAmb" })
            Assert.Equal(0ul, ulong.Parse(qemu[set].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        Assert.Equal("2", qemu["Seccomp"].Trim());
        Assert.Equal("1", qemu["NoNewPrivs"].Trim());
        // CHOWN, SETGID, SETUID, NET_BIND_SERVICE and NET_ADMIN, by their numbers in linux/capability.h.
        var first = await StatusAsync(await vm.PidAsync());
        Assert.Equal(1ul << 0 | 1ul << 6 | 1ul << 7 | 1ul << 10 | 1ul << 12, ulong.Parse(first["CapBnd"].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        var root = (await File.ReadAllLinesAsync($"/proc/{await vm.PidAsync()}/mountinfo", TestContext.Current.CancellationToken)).First(line => line.Split(' ')[4] == "/");
        Assert.StartsWith("ro,", root.Split(' ')[5], StringComparison.Ordinal);
        Assert.Equal("64", (await Host.InspectAsync(vm.Name)).GetProperty("HostConfig").GetProperty("PidsLimit").GetRawText());
    }

    private async Task<bool> AnswersForMetadataAsync() => (await Host.TryInsideAsync("busybox", "arping", "-c", "3", "-I", Host.Bridge, "169.254.169.254"))?.Contains("Unicast reply from 169.254.169.254", StringComparison.Ordinal) == true;

    private async Task<bool> LeasesAsync(VmContainer attacker)
    {
        await attacker.ShellAsync("printf 'start 10.99.7.200\\nend 10.99.7.210\\ninterface eth0\\nlease_file /tmp/leases\\npidfile /tmp/udhcpd\\n' >/tmp/udhcpd.conf; touch /tmp/leases; udhcpd /tmp/udhcpd.conf");
        var leased = await Host.TryInsideAsync("busybox", "udhcpc", "-i", Host.Bridge, "-n", "-q", "-t", "3", "-T", "3", "-s", "/bin/true") is not null;
        await attacker.ShellAsync("killall udhcpd");
        return leased;
    }

    private static async Task<bool> HearsAsync(VmContainer guest, string source) => (await guest.TryShellAsync($"ping -c 3 -W 5 -I {source} {VmHost.Gateway}")).ExitCode == 0;

    // Link-local addresses are everybody's; a router's advertisement comes from one.
    private async Task<bool> SpeaksIpv6Async(VmContainer attacker)
    {
        await Host.InsideAsync("ip", "-6", "neigh", "flush", "dev", Host.Bridge);
        _ = await attacker.TryShellAsync("ping6 -c 3 -W 3 -I eth0 ff02::1");
        return (await Host.InsideAsync("ip", "-6", "neigh", "show", "dev", Host.Bridge)).Contains(attacker.Mac, StringComparison.OrdinalIgnoreCase);
    }

    private async Task<bool> SpeaksAsAsync(VmContainer attacker, string address)
    {
        await attacker.ShellAsync($"ip addr add {address}/32 dev eth0");
        // The gateway answers to whom ARP tells it; the attacker shall be found there, if it is heard.
        await Host.InsideAsync("ip", "neigh", "replace", address, "lladdr", attacker.Mac, "dev", Host.Bridge, "nud", "reachable");
        var heard = await HearsAsync(attacker, address);
        await attacker.ShellAsync($"ip addr del {address}/32 dev eth0");
        await Host.InsideAsync("ip", "neigh", "del", address, "dev", Host.Bridge);
        return heard;
    }

    private async Task<bool> PoisonsAsync(VmContainer attacker, VmContainer victim)
    {
        await Host.InsideAsync("ip", "neigh", "replace", victim.Address, "lladdr", victim.Mac, "dev", Host.Bridge, "nud", "stale");
        await attacker.ShellAsync($"ip addr add {victim.Address}/32 dev eth0; arping -A -c 3 -I eth0 -s {victim.Address} {victim.Address} >/dev/null; ip addr del {victim.Address}/32 dev eth0");
        var believed = (await Host.InsideAsync("ip", "neigh", "show", victim.Address, "dev", Host.Bridge)).Contains(attacker.Mac, StringComparison.OrdinalIgnoreCase);
        await Host.InsideAsync("ip", "neigh", "del", victim.Address, "dev", Host.Bridge);
        return believed;
    }

    private static async Task<bool> TakesMacAsync(VmContainer attacker, VmContainer victim)
    {
        await attacker.ShellAsync($"ip link set eth0 down; ip link set eth0 address {victim.Mac}; ip link set eth0 up");
        var (_, answer) = await attacker.TryShellAsync($"arping -c 3 -w 9 -I eth0 {VmHost.Gateway}");
        await attacker.ShellAsync($"ip link set eth0 down; ip link set eth0 address {attacker.Mac}; ip link set eth0 up; ip route replace default via {VmHost.Gateway}");
        return answer.Contains("Unicast reply", StringComparison.Ordinal);
    }

    // By the victim's container, whose bridge has the same address: its MAC is found in the container itself, as a guess that comes true.
    private static async Task<string> MetadataThroughAsync(VmContainer attacker, VmContainer victim)
    {
        using var links = JsonDocument.Parse(await victim.InNetworkAsync("ip", "-json", "link", "show", "br0"));
        var bridge = links.RootElement[0].GetProperty("address").GetString();
        await attacker.ShellAsync($"ip route replace 169.254.169.254 dev eth0; arp -i eth0 -s 169.254.169.254 {bridge}");
        var (_, id) = await attacker.TryShellAsync("curl -s http://169.254.169.254/latest/meta-data/instance-id");
        await attacker.ShellAsync("arp -i eth0 -d 169.254.169.254");
        return id;
    }

    private static async Task WithoutRulesAsync(VmContainer vm) => await vm.InNetworkAsync("nft", "flush", "ruleset");

    private static string[] Words(string value) => value.Split('\t', StringSplitOptions.RemoveEmptyEntries);

    private static async Task<Dictionary<string, string>> StatusAsync(int pid) =>
        (await File.ReadAllLinesAsync($"/proc/{pid}/status")).Select(line => line.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts[1], StringComparer.Ordinal);
}
