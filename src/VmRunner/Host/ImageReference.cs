using System.Text.RegularExpressions;
using Baremetal.Trust;

namespace Baremetal.VmRunner.Host;

/// <summary>How an image of a registry is named: <c>registry.example[:PORT]/team/web[:TAG][@sha256:…]</c>. Nothing else gets to the engine, which knows names of files too.</summary>
internal static partial class ImageReference
{
    private const int Longest = 512;

    /// <returns>What is wrong with it, or null.</returns>
    public static Rejection? Fault(string name) =>
        name.Length > Longest || !Grammar().IsMatch(name)
            ? new Rejection($"'{(name.Length > 80 ? name[..80] + "…" : name)}' is no name of an image.", "Name it as registry.example/team/web:1, in lower case but for the tag, or with @sha256: and its digest.")
            : null;

    /// <summary>Whether it says which registry: without, an engine would go through a list of them.</summary>
    public static bool HasRegistry(string name) => name.Split('/') is [var host, _, ..] && (host == "localhost" || host.Contains('.', StringComparison.Ordinal) || host.Contains(':', StringComparison.Ordinal));

    /// <summary>The same image by its digest, wherever its tag points by now.</summary>
    public static string Pinned(string name, string digest)
    {
        var untagged = name.Split('@')[0];
        var colon = untagged.LastIndexOf(':');
        return $"{(colon > untagged.LastIndexOf('/') ? untagged[..colon] : untagged)}@{digest}";
    }

    [GeneratedRegex(
        @"^([a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Grammar();
}
