using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.VmRunner.Host;

/// <summary>How an image of a registry is named: <c>registry.example[:PORT]/team/web[:TAG][@sha256:…]</c>. Nothing else gets to the engine, which knows names of files too.</summary>
internal static class ImageReference
{
    /// <returns>What is wrong with it, or null.</returns>
    public static Rejection? Fault(string name) =>
        !RegistryReference.IsValid(name)
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
}
