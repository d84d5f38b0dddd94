using System.Collections;
using System.CommandLine;
using System.Text;
using Baremetal.Api;

namespace Baremetal.Cli.Nodes;

/// <summary>The options that say how a server is switched on, in every command that can set it.</summary>
internal sealed class PowerOptions : IEnumerable<Option>
{
    public const string Manual = "manual";

    private const string WakeOnLan = "wake-on-lan";
    private const string RedfishDriver = "redfish";
    private const string IpmiDriver = "ipmi";

    private readonly Option<string> _redfish = new("--redfish") { HelpName = "URL", Description = "Its Redfish service: https://BMC, or the path of one system there." };
    private readonly Option<string> _redfishUser = new("--redfish-user") { HelpName = "NAME", Description = "The account of the Redfish service." };
    private readonly Option<string> _redfishPassword = new("--redfish-password-file") { HelpName = "FILE", Description = "Holds that account's password; - reads it from standard input." };
    private readonly Option<string> _pin = new("--redfish-tls-pin") { HelpName = "SHA256", Description = "The digest of the BMC's certificate (DER), if no authority vouches for it." };
    private readonly Option<string> _ipmi = new("--ipmi") { HelpName = "HOST[:PORT]", Description = "Its BMC, if that speaks IPMI 2.0 and no Redfish. Give --firmware with it: a BMC has to be told which kind of network boot." };
    private readonly Option<string> _ipmiUser = new("--ipmi-user") { HelpName = "NAME", Description = "The account of the BMC; the privilege OPERATOR is enough." };
    private readonly Option<string> _ipmiPassword = new("--ipmi-password-file") { HelpName = "FILE", Description = "Holds that account's password; - reads it from standard input." };
    private readonly Option<string> _cipher = new("--ipmi-cipher") { HelpName = "3|17", Description = "The cipher suite; 17 if not given, which old BMCs do not have." };
    private readonly Option<string> _power = new("--power") { HelpName = $"{Manual}|{WakeOnLan}", Description = "For a server without a BMC: an operator presses its buttons, or a packet with its MAC address starts it and the rest is done by hand." };

    public PowerOptions()
    {
        _power.AcceptOnlyFromAmong(Manual, WakeOnLan);
        _cipher.AcceptOnlyFromAmong("3", "17");
    }

    private Option<string>[] OfRedfish => [_redfishUser, _redfishPassword, _pin];

    private Option<string>[] OfIpmi => [_ipmiUser, _ipmiPassword, _cipher];

    /// <summary>Null if none was given.</summary>
    public PowerSettings? Read(Invocation call) => (call.Get(_redfish), call.Get(_ipmi), call.Get(_power)) switch
    {
        ({ } url, null, null) when !Has(call, OfIpmi) => WithAccount(call, new PowerSettings(RedfishDriver, url, TlsPin: call.Get(_pin)), _redfishUser, _redfishPassword),
        (null, { } bmc, null) when !Has(call, OfRedfish) => WithAccount(call, new PowerSettings(IpmiDriver, Url(bmc, call.Get(_cipher))), _ipmiUser, _ipmiPassword),
        (null, null, { } hand) when !Has(call, [.. OfRedfish, .. OfIpmi]) => new PowerSettings(hand),
        (null, null, null) when !Has(call, [.. OfRedfish, .. OfIpmi]) => null,
        (null, null, null) => throw NotClear(" What the conductor knows of a controller is not added to: to change its account, repeat --redfish URL or --ipmi HOST with all of its options."),
        _ => throw NotClear(),
    };

    public static Failure NotClear(string more = "") => Failure.WrongUsage("How the server is switched on is not clear.", $"Give one of --redfish URL, --ipmi HOST and --power {Manual}|{WakeOnLan}, with its own options only.{more}");

    public IEnumerator<Option> GetEnumerator() => ((IEnumerable<Option>)[_redfish, .. OfRedfish, _ipmi, .. OfIpmi, _power]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // What belongs to a controller that was not given is a slip, and must not be passed over.
    private static bool Has(Invocation call, Option<string>[] options) => Array.Exists(options, option => call.Get(option) is not null);

    private static string Url(string bmc, string? cipher) => $"ipmi://{bmc}{(cipher is null ? "" : $"?cipher={cipher}")}";

    // Half an account opens nothing, and would be found out at the first start only.
    private static PowerSettings WithAccount(Invocation call, PowerSettings power, Option<string> user, Option<string> password)
    {
        var (name, file) = (call.Get(user), call.Get(password));
        if ((name is null) != (file is null))
        {
            var (given, missing) = name is null ? (password, user) : (user, password);
            throw Failure.WrongUsage($"{given.Name} is given without {missing.Name}.", $"Give {missing.Name} {missing.HelpName} too: an account is both.");
        }
        return power with { Username = name, Password = Password(call, password) };
    }

    private static string? Password(Invocation call, Option<string> option) => call.Get(option) switch
    {
        null => null,
        "-" => call.Shell.In.ReadLine(),
        // One line as an editor leaves it; spaces may be part of a password, the line's end is not.
        var file => Encoding.UTF8.GetString(InputFile.Read(file, "password file", 4096)).TrimEnd('\r', '\n'),
    };
}
