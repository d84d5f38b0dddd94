using System.Text.RegularExpressions;
using Baremetal.Trust;

namespace Baremetal.Conductor.Runners;

/// <summary>
/// How an image of a VM is named: <c>NAME[:VERSION]</c> of the conductor's own catalogue, or as registries have it
/// (https://github.com/distribution/reference): <c>[HOST[:PORT]/]PATH[:TAG][@sha256:DIGEST]</c>.
/// </summary>
internal static partial class ImageReference
{
    private const int Longest = 500;

    public const string Forms = "Give NAME[:VERSION] of an image of this conductor, or one of a registry, such as registry.example/team/web:1 or registry.example/team/web@sha256:….";

    public static bool IsValid(string? reference) =>
        reference is { Length: > 0 and <= Longest } && (IsOfCatalogue(reference) || OfRegistry().IsMatch(reference));

    /// <summary>Whether it is one of the conductor's own.</summary>
    public static bool IsOfCatalogue(string reference) =>
        reference.Split(':') is [var name] ? ImageName.IsValid(name) : reference.Split(':') is [var named, var version] && ImageName.IsValid(named) && ImageName.IsValid(version);

    [GeneratedRegex(
        """
        \A(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?/)?
        [a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*
        (?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\z
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.NonBacktracking)]
    private static partial Regex OfRegistry();
}
