using System.Collections;
using System.CommandLine;
using System.Text;
using Baremetal.Api;

namespace Baremetal.Cli.Nodes;

/// <summary>The options that say how a server is switched on, in every command that can set it.</summary>
internal sealed class PowerOptions : IEnumerable<Option>
{
    public const string Manual = "manual";

    private const string RedfishDriver = "redfish";

    private readonly Option<string> _redfish = new("--redfish") { HelpName = "URL", Description = "Its Redfish service: https://BMC, or the path of one system there." };
    private readonly Option<string> _user = new("--redfish-user") { HelpName = "NAME", Description = "The account of the Redfish service." };
    private readonly Option<string> _password = new("--redfish-password-file") { HelpName = "FILE", Description = "Holds that account's password; - reads it from standard input." };
    private readonly Option<string> _pin = new("--redfish-tls-pin") { HelpName = "SHA256", Description = "The digest of the BMC's certificate (DER), if no authority vouches for it." };
    private readonly Option<string> _power = new("--power") { HelpName = Manual, Description = "For a server without a BMC: an operator presses its buttons." };

    public PowerOptions() => _power.AcceptOnlyFromAmong(Manual);

    /// <summary>Null if none was given.</summary>
    public PowerSettings? Read(Invocation call) => (call.Get(_redfish), call.Get(_power)) switch
    {
        ({ } url, null) => new PowerSettings(RedfishDriver, url, call.Get(_user), Password(call), call.Get(_pin)),
        (null, Manual) when !HasAccount(call) => new PowerSettings(Manual),
        (null, null) when !HasAccount(call) => null,
        _ => throw NotClear(),
    };

    public static Failure NotClear() => Failure.WrongUsage("How the server is switched on is not clear.", "Give either --redfish URL or --power manual.");

    public IEnumerator<Option> GetEnumerator() => ((IEnumerable<Option>)[_redfish, _user, _password, _pin, _power]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // What belongs to a Redfish service that was not given is a slip, and must not be passed over.
    private bool HasAccount(Invocation call) => (call.Get(_user) ?? call.Get(_password) ?? call.Get(_pin)) is not null;

    private string? Password(Invocation call) => call.Get(_password) switch
    {
        null => null,
        "-" => call.Shell.In.ReadLine(),
        // One line as an editor leaves it; spaces may be part of a password, the line's end is not.
        var file => Encoding.UTF8.GetString(InputFile.Read(file, "password file", 4096)).TrimEnd('\r', '\n'),
    };
}
