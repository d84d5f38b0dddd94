using System.IO.Enumeration;
using Baremetal.Api;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;

namespace Baremetal.Conductor.Discovery;

/// <summary>Whether a rule means a machine, and what it calls it. A machine says of itself what it likes; what it says never becomes more than a name.</summary>
internal static class RuleMatch
{
    public static bool Holds(DiscoveryRule rule, NodeRow node, SystemIdentity system) =>
        Matches(rule.Mac, node.Mac) && Matches(rule.Serial, system.Serial) && Matches(rule.Vendor, system.Manufacturer) && Matches(rule.Product, system.Product)
        && (rule.Relay is null || rule.Relay.ToString() == node.Relay) && Matches(rule.Circuit, node.Circuit) && Matches(rule.Remote, node.Remote);

    /// <summary>The rule's name for it; letters that no name may have become dashes.</summary>
    public static string NameOf(DiscoveryRule rule, NodeRow node, SystemIdentity system) => rule.Name
        .Replace("{mac}", node.Mac.Replace(":", "", StringComparison.Ordinal), StringComparison.Ordinal)
        .Replace("{serial}", Plain(system.Serial), StringComparison.Ordinal)
        .Replace("{product}", Plain(system.Product), StringComparison.Ordinal);

    private static bool Matches(string? pattern, string? text) => pattern is null || (text is not null && FileSystemName.MatchesSimpleExpression(pattern, text));

    private static string Plain(string? text) => string.Concat((text ?? "").Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-')).Trim('-');
}
