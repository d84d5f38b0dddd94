using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Secrets;
using Baremetal.Conductor.Settings;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Power;

/// <summary>The drivers by name.</summary>
public sealed class PowerDrivers(IDatabase database, SecretBox secrets, ConductorSettings settings, TimeProvider time)
{
    public const string Redfish = "redfish";
    public const string Ipmi = "ipmi";
    public const string WakeOnLan = "wake-on-lan";
    public const string Manual = "manual";

    /// <summary>As errors list them.</summary>
    public const string Names = $"{Redfish}, {Ipmi}, {WakeOnLan} and {Manual}";

    public IPowerDriver For(NodeRow node) => node.PowerDriver switch
    {
        Redfish => new RedfishDriver(
            new RedfishAccess(
                new Uri(node.PowerAddress!),
                node.PowerUsername,
                PasswordOf(node),
                node.PowerTlsPin),
            time,
            system => Own(node, system)),
        Ipmi when IpmiAddress.TryParse(node.PowerAddress, out var bmc) => new IpmiDriver(new IpmiAccess(bmc, node.PowerUsername!, PasswordOf(node)!), time),
        WakeOnLan when MacAddress.TryParse(node.Mac, out var mac) => new WakeOnLanDriver(node.Name, mac, settings.Addresses, settings.Dhcp.Silence),
        Manual => new ManualDriver(node.Name, settings.Dhcp.Silence),
        var other => throw new InvalidOperationException($"node {node.Name} has the unknown power driver '{other}'"),
    };

    private string? PasswordOf(NodeRow node) => node.PowerPassword is { } sealedPassword ? secrets.Open(sealedPassword, NodeRow.PasswordPlace(node.Id)) : null;

    // A controller may name another system today than it did yesterday.
    private void Own(NodeRow node, string system)
    {
        if (system != node.PowerSystem)
            SystemClaims.Take(database, node.Id, system);
    }

    /// <summary>Refuses settings that no driver could use, before they are stored.</summary>
    public static void Check(PowerSettings power)
    {
        switch (power.Driver)
        {
            case Redfish:
                if (!Uri.TryCreate(power.Address, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.UserInfo.Length > 0)
                    throw Problems.Invalid($"The power address '{power.Address}' is not a URL.", "For redfish give https://BMC, or the whole path of one system, https://BMC/redfish/v1/Systems/1.");
                // On this machine alone nobody else hears it: a tunnel's end, or a proxy.
                if (address.Scheme == Uri.UriSchemeHttp && !address.IsLoopback && (power.Username ?? power.Password) is not null)
                {
                    throw Problems.Invalid(
                        $"The power address '{power.Address}' is plain HTTP, over which anybody on the way would read the account's password.",
                        $"Give https://{address.Authority}{address.AbsolutePath.TrimEnd('/')}, with the TLS pin of its certificate if no authority vouches for that ('--redfish-tls-pin').");
                }
                if (power.TlsPin is { } pin && !Trust.Digest.TryParse(pin, out _))
                    throw Problems.Invalid("The power controller's TLS pin is not a SHA-256 digest.", "Give the SHA-256 of its certificate (DER) as 64 lower-case hex digits.");
                break;
            case Ipmi:
                CheckIpmi(power);
                break;
            case WakeOnLan or Manual:
                if (new PowerSettings(power.Driver) != power)
                {
                    throw Problems.Invalid(
                        $"The power driver '{power.Driver}' takes no address, user or password.",
                        power.Driver == Manual ? "It asks an operator to press the buttons." : "It wakes the node by the MAC address that the node is known by.");
                }
                break;
            default:
                throw Problems.Invalid($"There is no power driver '{power.Driver}'.", $"The drivers are {Names}.");
        }
    }
    private static void CheckIpmi(PowerSettings power)
    {
        if (!IpmiAddress.TryParse(power.Address, out _))
            throw Problems.Invalid($"The power address '{power.Address}' is not that of a BMC.", $"Give {IpmiAddress.Form}.");
        // Lengths: IPMI 2.0, tables 22-28 and 22-31. Nothing else cuts them, and a password that is cut is another.
        if (!IsWord(power.Username, 16))
            throw Problems.Invalid("The power settings name no user that IPMI could have.", "Give one of at most 16 bytes.");
        if (!IsWord(power.Password, 20))
            throw Problems.Invalid($"The power settings have no password for user '{power.Username}' that IPMI could have.", "Give one of at most 20 bytes.");
        if (power.TlsPin is not null)
            throw Problems.Invalid("The power driver 'ipmi' takes no TLS pin.", "IPMI knows no certificates: who has the password is the BMC.");
    }

    private static bool IsWord(string? text, int mostBytes) => text is { Length: > 0 } && Encoding.UTF8.GetByteCount(text) <= mostBytes && !text.Any(char.IsControl);
}
