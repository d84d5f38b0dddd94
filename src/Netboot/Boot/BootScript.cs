using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Baremetal.Netboot.Boot;

/// <summary>What the deploy agent's boot needs. Every text is checked before it becomes part of a script.</summary>
/// <param name="ConductorUrl"><c>bm.url</c>: where the agent enrols, <c>https://host:port</c>.</param>
/// <param name="PlainUrl"><c>bm.plain</c>: where the agent fetches the CA certificate, <c>http://host:port</c>.</param>
/// <param name="CaSha256"><c>bm.ca</c>: hex SHA-256 of the conductor's CA certificate.</param>
/// <param name="Token"><c>bm.token</c>: the one-time token.</param>
/// <param name="TrustSha256"><c>bm.trust</c>: hex SHA-256 of the trust document, or null.</param>
/// <param name="KernelArguments">More arguments for the kernel, such as <c>console=ttyS0</c>.</param>
/// <param name="Network"><c>bm.net</c>: how the ramdisk sets its network up, where not by DHCP on the card that was booted from.</param>
public sealed record AgentBoot(
    Machine Machine,
    string KernelUrl,
    string RamdiskUrl,
    string ConductorUrl,
    string PlainUrl,
    string CaSha256,
    string Token,
    string? TrustSha256,
    IReadOnlyList<string> KernelArguments,
    string? Network = null);

/// <summary>
/// The iPXE scripts (ipxe.org/scripting). iPXE expands <c>${…}</c> and obeys line ends, <c>||</c>, <c>&amp;&amp;</c> and <c>#</c>, so a value is let in by the
/// letters that it may have, never cleaned of those that it may not.
/// </summary>
public static class BootScript
{
    private const int LongestValue = 512;
    private const int MostArguments = 32;

    // COMMAND_LINE_SIZE of x86, with the zero at its end: the kernel cuts off what is more.
    private const int LongestLine = 2047;

    private static readonly SearchValues<char> UrlLetters = Letters("-._~:/[]%");
    private static readonly SearchValues<char> ArgumentLetters = Letters("-._~:/,=+@");
    private static readonly SearchValues<char> TokenLetters = Letters("-_");
    private static readonly SearchValues<char> HexLetters = SearchValues.Create("0123456789abcdef");

    /// <summary>Loads kernel and ramdisk and starts them.</summary>
    /// <param name="boot">What goes in.</param>
    /// <param name="scriptUrl">This script's own address: what failed is tried again from the decision on, with a fresh token.</param>
    /// <param name="script">The script.</param>
    /// <param name="refusal">Which value is not let in, and why.</param>
    public static bool TryAgent(AgentBoot boot, string scriptUrl, [NotNullWhen(true)] out string? script, [NotNullWhen(false)] out string? refusal)
    {
        script = null;
        refusal = RefuseUrl("kernel URL", boot.KernelUrl) ?? RefuseUrl("ramdisk URL", boot.RamdiskUrl) ?? RefuseUrl("conductor URL", boot.ConductorUrl)
            ?? RefuseUrl("plain URL", boot.PlainUrl)
            ?? RefuseScriptUrl(scriptUrl)
            ?? RefuseDigest("CA digest", boot.CaSha256) ?? RefuseDigest("trust digest", boot.TrustSha256)
            ?? Refuse("token", boot.Token, TokenLetters) ?? RefuseArguments(boot.KernelArguments)
            ?? (boot.Network is { } network ? Refuse("network", network, ArgumentLetters) : null);
        if (refusal is not null)
            return false;

        string[] arguments =
        [
            // An EFI kernel finds its ramdisk by name, and only by this argument; a BIOS kernel takes no notice of it.
            "initrd=ramdisk",
            $"bm.url={boot.ConductorUrl}",
            $"bm.plain={boot.PlainUrl}",
            $"bm.ca=sha256:{boot.CaSha256}",
            $"bm.token={boot.Token}",
            .. boot.TrustSha256 is null ? Array.Empty<string>() : [$"bm.trust=sha256:{boot.TrustSha256}"],
            $"BOOTIF={boot.Machine.Mac.ToBootIf()}",
            .. boot.Network is null ? Array.Empty<string>() : [$"bm.net={boot.Network}"],
            .. boot.KernelArguments,
        ];
        if (arguments.Sum(argument => argument.Length + 1) > LongestLine)
        {
            refusal = $"The kernel's command line would be longer than the {LongestLine} letters that it reads";
            return false;
        }
        script = $"""
            #!ipxe
            echo Baremetal: deploy agent for {boot.Machine.Mac}
            imgfree
            kernel --name kernel {boot.KernelUrl} {string.Join(' ', arguments)} || goto failed
            initrd --name ramdisk {boot.RamdiskUrl} || goto failed
            boot kernel || goto failed
            :failed
            {TryAgain(scriptUrl)}
            """;
        return true;
    }

    /// <summary>Goes on to the machine's own disk.</summary>
    /// <param name="architecture">Tells BIOS from UEFI.</param>
    /// <param name="localBootLoaderUrl">An EFI program that starts the loader of the disk.</param>
    /// <param name="script">The script.</param>
    /// <param name="refusal">Why not.</param>
    public static bool TryLocalDisk(
        ClientArchitecture architecture, string localBootLoaderUrl, [NotNullWhen(true)] out string? script, [NotNullWhen(false)] out string? refusal)
    {
        script = null;
        refusal = RefuseUrl("local boot loader URL", localBootLoaderUrl);
        if (refusal is not null)
            return false;

        // After a plain exit OVMF takes the network boot for a success and stays in its setup; an error makes it go on, through every other way to
        // boot from the network first. BIOS goes on to the next device at once.
        script = architecture == ClientArchitecture.Bios
            ? """
              #!ipxe
              echo Baremetal: booting the disk
              exit

              """
            : $"""
              #!ipxe
              echo Baremetal: booting the disk
              chain --replace --autofree {localBootLoaderUrl} || exit 1

              """;
        return true;
    }

    private static string TryAgain(string scriptUrl) => $"""
        echo Baremetal: could not be loaded; trying again in 5 seconds
        sleep 5
        chain --replace --autofree {scriptUrl} || reboot

        """;

    /// <summary>Why these arguments are not let in; null when they are.</summary>
    public static string? RefuseArguments(IReadOnlyList<string> arguments) =>
        arguments.Count > MostArguments ? $"{arguments.Count} kernel arguments are more than {MostArguments}"
        : arguments.Select(argument => Refuse("kernel argument", argument, ArgumentLetters) ?? RefuseOurs(argument)).FirstOrDefault(refusal => refusal is not null);

    // What this script itself says, and what would start something else than our ramdisk's init: init= is read by the kernel where rdinit= is not given.
    private static string? RefuseOurs(string argument)
    {
        var name = argument.Split('=')[0];
        return argument == "--" || name is "init" or "rdinit" or "initrd" or "BOOTIF" || name.StartsWith("bm.", StringComparison.Ordinal)
            ? $"The kernel argument \"{argument}\" is one that only the conductor gives"
            : null;
    }

    private static string? RefuseUrl(string what, string url) =>
        Refuse(what, url, UrlLetters)
        ?? (url.StartsWith("http://", StringComparison.Ordinal) || url.StartsWith("https://", StringComparison.Ordinal) ? null : $"The {what} \"{url}\" is neither http nor https");

    /// <summary>The only address with a query, and one that we made ourselves.</summary>
    private static string? RefuseScriptUrl(string url) =>
        url.Split('?') is [var path, var query] ? RefuseUrl("script URL", path) ?? Refuse("script URL", query, Letters("-._~:=&")) : RefuseUrl("script URL", url);

    private static string? RefuseDigest(string what, string? digest) =>
        digest is null || (digest.Length == 64 && !digest.AsSpan().ContainsAnyExcept(HexLetters)) ? null : $"The {what} \"{digest}\" is not the hex SHA-256, 64 small letters and digits";

    private static string? Refuse(string what, string value, SearchValues<char> letters) =>
        value.Length is 0 or > LongestValue ? $"The {what} has {value.Length} letters; 1 to {LongestValue} are let into a boot script"
        : value.AsSpan().IndexOfAnyExcept(letters) is >= 0 and var at ? $"The {what} has the letter U+{(int)value[at]:X4}, which is not let into a boot script"
        : null;

    private static SearchValues<char> Letters(string others) =>
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + others);
}
