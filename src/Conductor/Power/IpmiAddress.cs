using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.RegularExpressions;

namespace Baremetal.Conductor.Power;

/// <summary>Where a BMC is that speaks IPMI 2.0 over LAN, as <c>ipmi://HOST[:PORT][?cipher=N]</c>.</summary>
/// <param name="Host">A name or an address. It comes to stand on a command line, and can be no option there.</param>
/// <param name="Cipher">The cipher suite (IPMI 2.0, table 22-20).</param>
internal sealed partial record IpmiAddress(string Host, int Port, int Cipher)
{
    public const string Scheme = "ipmi";

    /// <summary>As errors say it, to those at the command line and to those who call the API.</summary>
    public const string Form = "--ipmi HOST[:PORT], and --ipmi-cipher 3 for a BMC that has no cipher suite 17; in the API ipmi://HOST[:PORT], or ipmi://HOST[:PORT]?cipher=3";

    /// <summary>RMCP's own (DSP0136).</summary>
    public const int UsualPort = 623;

    /// <summary>HMAC-SHA256 and AES-128: the best that there is.</summary>
    private const int Strong = 17;

    /// <summary>HMAC-SHA1 and AES-128, which every IPMI 2.0 BMC must have. All others leave out the integrity, the secrecy or both.</summary>
    private const int Old = 3;

    public static bool TryParse(string? text, [NotNullWhen(true)] out IpmiAddress? address)
    {
        address = null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url is not { Scheme: Scheme, UserInfo: "", Fragment: "", AbsolutePath: "" or "/" } || url.Port == 0)
            return false;
        int? cipher = url.Query switch
        {
            "" => Strong,
            "?cipher=17" => Strong,
            "?cipher=3" => Old,
            _ => null,
        };
        var host = url.IdnHost;
        if (cipher is null || !(Name().IsMatch(host) || IPAddress.TryParse(host, out _)))
            return false;
        address = new IpmiAddress(host, url.Port < 0 ? UsualPort : url.Port, cipher.Value);
        return true;
    }

    public override string ToString() => Port == UsualPort ? Host : $"{Host} port {Port}";

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();
}
