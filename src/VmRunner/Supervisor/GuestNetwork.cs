using System.Security.Cryptography;
using Baremetal.Netboot;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>
/// Gives the container's place in its network to the guest:
/// <code>
///   network ── eth0 ── br0 ── tap0 ── guest, with the container's MAC and address
///                       │
///                       169.254.169.254: DHCP and metadata, for this guest alone
/// </code>
/// What holds the two sides apart are rules of the bridge itself, since every container's bridge has the same address.
/// </summary>
internal static class GuestNetwork
{
    public const string Bridge = "br0";
    public const string Tap = "tap0";

    /// <summary>Where guests look for metadata (EC2's, OpenStack's), and whom they lease from: it borrows no address of the network.</summary>
    public static readonly Ipv4 Here = Ipv4.Parse("169.254.169.254");

    /// <param name="link">The container's network.</param>
    /// <returns>The tap, for QEMU.</returns>
    public static int HandOver(ContainerLink link)
    {
        try
        {
            var here = RandomMac();
            // The rules first: nothing passes before they hold.
            Tools.Run("nft", ["-f", "-"], RulesFor(link, here));
            Ip("link", "set", "dev", link.Name, "down");
            // Its address of old is the guest's now; this is one of the locally administered kind that RancherVM took.
            Ip("link", "set", "dev", link.Name, "address", RandomMac().ToString());
            Ip("-4", "address", "flush", "dev", link.Name);
            Ip("-6", "address", "flush", "dev", link.Name);
            Ip("link", "add", "name", Bridge, "address", here.ToString(), "mtu", Text(link.Mtu), "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0");
            var tap = TapDevice.Open(Tap);
            Ip("link", "set", "dev", Tap, "mtu", Text(link.Mtu), "master", Bridge, "up");
            Ip("link", "set", "dev", link.Name, "master", Bridge, "up");
            Ip("address", "add", $"{Here}/32", "dev", Bridge);
            Ip("link", "set", "dev", Bridge, "up");
            Ip("route", "add", $"{link.Address}/32", "dev", Bridge, "src", Here.ToString());
            // Known beforehand: nobody is asked, and so nobody else can answer.
            Ip("neighbor", "add", link.Address.ToString(), "lladdr", link.Mac.ToString(), "dev", Bridge, "nud", "permanent");
            return tap;
        }
        catch (IOException e)
        {
            throw new SupervisorException(ExitCodes.NoNetwork, $"The container's network cannot be given to the guest: {e.Message}. It needs the capability NET_ADMIN and the device /dev/net/tun.", e);
        }
    }

    /// <summary>
    /// The guest speaks as itself only, in ARP and IPv4, which is what the engine gave its container an address of. What it says to
    /// 169.254.169.254 or to a DHCP server stays here, whichever router it takes for the way there. What comes from outside is neither DHCP's
    /// answers nor anybody's question after that address.
    /// </summary>
    /// <remarks>
    /// Where frames come in, before all else: on a host with br_netfilter, which engines load, a frame that is passed on goes past every chain of
    /// the forward hook with its usual priority.
    /// </remarks>
    internal static string RulesFor(ContainerLink link, MacAddress here) => $$"""
        table bridge guest {
          chain prerouting {
            type filter hook prerouting priority -300; policy accept;
            iifname "{{Tap}}" jump from_guest
            iifname "{{link.Name}}" jump from_network
          }
          chain input {
            type filter hook input priority -300; policy accept;
            iifname "{{Tap}}" jump from_guest_here
            iifname "{{link.Name}}" drop
          }
          chain output {
            type filter hook output priority -300; policy accept;
            oifname "{{link.Name}}" drop
          }
          chain from_guest {
            ether type != { arp, ip } drop
            ether saddr != {{link.Mac}} drop
            arp saddr ether != {{link.Mac}} drop
            arp saddr ip != { {{link.Address}}, 0.0.0.0 } drop
            arp daddr ip {{Here}} meta pkttype set host ether daddr set {{here}} accept
            udp dport 67 meta pkttype set host ether daddr set {{here}} accept
            ether type ip ip saddr != {{link.Address}} drop
            ip daddr {{Here}} meta pkttype set host ether daddr set {{here}} accept
            udp sport 67 drop
            udp dport 68 drop
          }
          chain from_guest_here {
            ether saddr != {{link.Mac}} drop
            arp daddr ip {{Here}} accept
            udp dport 67 accept
            ip daddr {{Here}} tcp dport 80 accept
            ip daddr {{Here}} icmp type echo-request accept
            drop
          }
          chain from_network {
            arp saddr ip {{Here}} drop
            arp daddr ip {{Here}} drop
            ip saddr {{Here}} drop
            ip daddr {{Here}} drop
            udp sport 67 drop
          }
        }
        """;

    // 06:FE, as RancherVM's: local, and no group.
    private static MacAddress RandomMac() => MacAddress.From([0x06, 0xfe, .. RandomNumberGenerator.GetBytes(4)]);

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static void Ip(params string[] arguments) => Tools.Run("ip", arguments);
}
