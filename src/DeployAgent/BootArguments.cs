using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.DeployAgent;

/// <summary>
/// What the boot script told the agent, on the kernel's command line.
/// </summary>
/// <param name="Conductor"><c>bm.url</c>: the conductor's TLS address.</param>
/// <param name="Plain"><c>bm.plain</c>: where its CA certificate can be had; port 8080 of the same host if the script does not say.</param>
/// <param name="CaPin"><c>bm.ca</c>: <c>sha256:</c> and the digest of the CA certificate's DER.</param>
/// <param name="Token"><c>bm.token</c>: one-time.</param>
/// <param name="Trust"><c>bm.trust</c>: the digest of the trust document that all orders must follow from; without it there are none.</param>
/// <param name="BootMac"><c>BOOTIF</c>: the interface that the machine was booted from.</param>
public sealed record BootArguments(Uri Conductor, Uri Plain, string CaPin, string Token, Digest? Trust, string? BootMac)
{
    private const int PlainPort = 8080;
    private const string PinPrefix = "sha256:";
    private const string Remedy = "Boot the machine through the conductor's boot script.";

    public static bool TryParse(string commandLine, [NotNullWhen(true)] out BootArguments? arguments, [NotNullWhen(false)] out Rejection? rejection)
    {
        arguments = null;
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var word in commandLine.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !(word.StartsWith("bm.", StringComparison.Ordinal) || word.StartsWith("BOOTIF=", StringComparison.Ordinal)))
                continue;
            if (!given.TryAdd(word[..equals], word[(equals + 1)..]))
            {
                rejection = new Rejection($"The kernel's command line has {word[..equals]} twice.", Remedy);
                return false;
            }
        }

        Digest? trust = null;
        rejection = null;
        if (!TryUrl(given.GetValueOrDefault("bm.url"), Uri.UriSchemeHttps, out var conductor))
            rejection = new Rejection("The kernel's command line has no bm.url=https://… with the conductor's address.", Remedy);
        else if (given.GetValueOrDefault("bm.ca") is not { } pin || !TryDigest(pin, out _))
            rejection = new Rejection("The kernel's command line has no bm.ca=sha256:… with the digest of the conductor's CA certificate.", Remedy);
        else if (given.GetValueOrDefault("bm.token") is not { Length: > 0 } token)
            rejection = new Rejection("The kernel's command line has no bm.token=… to enrol with.", Remedy);
        else if (given.TryGetValue("bm.trust", out var pinned) && !(TryDigest(pinned, out var digest) && (trust = digest) is not null))
            rejection = new Rejection("The kernel's command line has a bm.trust that is not sha256: and 64 lower-case hex digits.", Remedy);
        else if (!TryUrl(given.GetValueOrDefault("bm.plain") ?? $"http://{conductor.Authority[..^(conductor.IsDefaultPort ? 0 : $":{conductor.Port}".Length)]}:{PlainPort}", Uri.UriSchemeHttp, out var plain))
            rejection = new Rejection("The kernel's command line has a bm.plain that is not an http://… address.", Remedy);
        else
            arguments = new BootArguments(conductor, plain, pin, token, trust, MacOf(given.GetValueOrDefault("BOOTIF")));
        return arguments is not null;
    }

    private static bool TryUrl(string? text, string scheme, [NotNullWhen(true)] out Uri? url) => Uri.TryCreate(text, UriKind.Absolute, out url) && url.Scheme == scheme;

    private static bool TryDigest(string pin, out Digest digest)
    {
        digest = default;
        return pin.StartsWith(PinPrefix, StringComparison.Ordinal) && Digest.TryParse(pin[PinPrefix.Length..], out digest);
    }

    // 01-52-54-00-12-34-56: the hardware type, then the address (pxelinux wrote it so, and all loaders do since).
    private static string? MacOf(string? bootIf) => bootIf is { Length: 20 } ? bootIf[3..].Replace('-', ':').ToLowerInvariant() : null;
}
