using System.Text.RegularExpressions;

namespace Baremetal.Api;

/// <summary>An image as registries have it (https://github.com/distribution/reference): <c>[HOST[:PORT]/]PATH[:TAG][@sha256:DIGEST]</c>.</summary>
public static partial class RegistryReference
{
    private const int Longest = 500;

    public static bool IsValid(string reference) => reference.Length <= Longest && Grammar().IsMatch(reference);

    [GeneratedRegex(
        """
        \A(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?/)?
        [a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*
        (?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\z
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.NonBacktracking)]
    private static partial Regex Grammar();
}
