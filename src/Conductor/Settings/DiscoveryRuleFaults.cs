using Baremetal.Netboot;
using Baremetal.Trust;

namespace Baremetal.Conductor.Settings;

/// <summary>What is wrong with a rule where that is plain from the rule alone: it would approve everybody, nobody, or a second machine under a name that is taken.</summary>
internal static class DiscoveryRuleFaults
{
    public static IEnumerable<Rejection> Of(DiscoveryRule[] rules)
    {
        foreach (var (number, rule) in rules.Index())
        {
            var name = $"discovery.rules.{number}";
            foreach (var fault in NameFaults(rule, name).Concat(PatternFaults(rule, name)))
                yield return fault;
            if (Array.FindIndex(rules, other => (other with { Name = "" }) == (rule with { Name = "" })) is var first && first < number)
                yield return new Rejection($"{name} is for the same machines as discovery.rules.{first}, which comes first.", "Remove one of the two.");
        }
    }

    private static IEnumerable<Rejection> NameFaults(DiscoveryRule rule, string name)
    {
        if (!DiscoveryRule.IsNamePattern(rule.Name))
            yield return new Rejection($"{name}.name is '{rule.Name}', which names no node.", "Use letters, digits, dashes, {mac}, {serial} and {product}, such as r7-{serial}.");
        else if (!rule.Name.Contains("{mac}", StringComparison.Ordinal) && !rule.Name.Contains("{serial}", StringComparison.Ordinal) && !IsForOneMachine(rule))
            yield return new Rejection($"{name}.name is '{rule.Name}' for every machine that the rule is for, and no two nodes have one name.", $"Add {{mac}} or {{serial}}, such as {rule.Name}-{{serial}}.");
    }

    private static IEnumerable<Rejection> PatternFaults(DiscoveryRule rule, string name)
    {
        if (rule is { Mac: null, Serial: null, Vendor: null, Product: null, Relay: null, Circuit: null, Remote: null })
            yield return new Rejection($"{name} names no machines, and would approve every one.", "Say which: mac, serial, vendor, product, relay, circuit or remote; \"mac\": \"*\" if all are meant.");
        foreach (var (word, pattern) in new[] { ("mac", rule.Mac), ("serial", rule.Serial), ("vendor", rule.Vendor), ("product", rule.Product), ("circuit", rule.Circuit), ("remote", rule.Remote) })
        {
            if (pattern is "")
                yield return new Rejection($"{name}.{word} is empty, which no machine's is.", "Remove it, or give a pattern with * and ?.");
        }
        if (rule.Mac is { Length: > 0 } mac && !MayBeMac(mac))
            yield return new Rejection($"{name}.mac is '{mac}', which is no machine's.", "A MAC address is written 52:54:00:12:34:56, a pattern of them 52:54:00:*.");
        foreach (var (word, pattern) in new[] { ("circuit", rule.Circuit), ("remote", rule.Remote) })
        {
            if (pattern is not null && pattern.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && !MayBeBytes(pattern.AsSpan(2)))
                yield return new Rejection($"{name}.{word} is '{pattern}', which no relay tells.", "After 0x stand all its bytes, two hex digits each, with * and ? in place of any.");
        }
    }

    /// <summary>A MAC, a serial number, or a port of a named switch: where a machine is replaced, the newcomer is told that the name is taken.</summary>
    private static bool IsForOneMachine(DiscoveryRule rule) =>
        IsExact(rule.Mac) || IsExact(rule.Serial) || (IsExact(rule.Circuit) && (IsExact(rule.Remote) || rule.Relay is not null));

    private static bool IsExact(string? pattern) => pattern is not null && pattern.AsSpan().IndexOfAny('*', '?') < 0;

    /// <summary>Whether any text of the form 52:54:00:12:34:56 matches. Bit n stands for "the pattern so far may have used up n letters".</summary>
    private static bool MayBeMac(string pattern)
    {
        const int length = MacAddress.Length * 3 - 1;
        var reached = 1;
        foreach (var letter in pattern)
        {
            var next = 0;
            for (var at = 0; at <= length; at++)
            {
                if ((reached & (1 << at)) == 0)
                    continue;
                if (letter == '*')
                    next |= ~0 << at;
                else if (letter == '?' || (at % 3 == 2 ? letter == ':' : char.IsAsciiHexDigit(letter)))
                    next |= 1 << (at + 1);
            }
            reached = next;
        }
        return (reached & (1 << length)) != 0;
    }

    private static bool MayBeBytes(ReadOnlySpan<char> digits)
    {
        foreach (var digit in digits)
        {
            if (!char.IsAsciiHexDigit(digit) && digit is not ('*' or '?'))
                return false;
        }
        return digits.Contains('*') || digits.Length % 2 == 0;
    }
}
