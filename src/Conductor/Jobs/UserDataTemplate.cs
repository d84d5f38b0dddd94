using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Baremetal.Conductor.Nodes;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// User data with places for what differs from node to node. There is no code in it, only names:
/// <code>
/// {{name}}           the value as it is: letters, digits and . _ : / + @ , - alone, which neither YAML nor a shell takes for anything else
/// {{name | quoted}}  any value, in double quotes as YAML and JSON have them; not in a script, which reads such quotes otherwise
/// {{{{               two braces
/// </code>
/// </summary>
internal static class UserDataTemplate
{
    private const string Open = "{{";
    private const string Close = "}}";
    private const string Quoted = "quoted";
    private const string Var = "var.";

    private const string PlainMarks = "._:/+@,-";

    public static bool TryRender(
        string template, NodeRow node, string? hostname, IReadOnlyDictionary<string, string> vars, [NotNullWhen(true)] out string? rendered, [NotNullWhen(false)] out Rejection? rejection)
    {
        rendered = null;
        var values = ValuesOf(node, hostname, vars);
        var isScript = template.StartsWith("#!", StringComparison.Ordinal);
        var text = new StringBuilder();
        for (var at = 0; ;)
        {
            var open = template.IndexOf(Open, at, StringComparison.Ordinal);
            if (open < 0)
            {
                rendered = text.Append(template, at, template.Length - at).ToString();
                rejection = null;
                return true;
            }
            text.Append(template, at, open - at);
            at = open + Open.Length;
            if (string.CompareOrdinal(template, at, Open, 0, Open.Length) == 0)
            {
                text.Append(Open);
                at += Open.Length;
                continue;
            }
            var close = template.IndexOfAny(['}', '\n'], at);
            if (close < 0 || string.CompareOrdinal(template, close, Close, 0, Close.Length) != 0)
            {
                rejection = new Rejection($"Line {LineOf(template, open)} of the user data has '{{{{' without '}}}}' behind it.", "Two braces that are meant as such are written as four: {{{{.");
                return false;
            }
            if (!TryValue(template[at..close], values, isScript, out var value, out var fault))
            {
                rejection = fault with { Cause = $"Line {LineOf(template, open)} of the user data: {fault.Cause}" };
                return false;
            }
            text.Append(value);
            at = close + Close.Length;
        }
    }

    private static bool TryValue(string inside, SortedDictionary<string, string?> values, bool isScript, [NotNullWhen(true)] out string? value, [NotNullWhen(false)] out Rejection? rejection)
    {
        value = null;
        var (name, form) = inside.Split('|', 2) is [var before, var after] ? (before.Trim(), after.Trim()) : (inside.Trim(), null);
        rejection = !values.TryGetValue(name, out var found) ? new Rejection($"'{name}' is none of {string.Join(", ", values.Keys)}.", "Further ones are given with --var NAME=VALUE, and written as var.NAME.")
            : form is not (null or Quoted) ? new Rejection($"'{form}' is no form of a value.", "Write {{name}}, or {{name | quoted}}.")
            : found is null ? new Rejection($"the node does not have '{name}'.", $"'conductor node show' has what it told; inspect it again, or write {{{{var.{name}}}}} in the file, and give --var {name}=….")
            : form is null && !IsPlain(found) ? new Rejection($"'{name}' is '{Printable.Of(found)}', which might mean something else where it is put.", $"In YAML write {{{{{name} | quoted}}}}, without quotes of your own.")
            : form is not null && isScript ? new Rejection($"'{name}' is quoted as YAML is, and this is a script.", $"Write {{{{{name}}}}}, or hand the value on by a file of cloud-config.")
            : null;
        if (rejection is not null)
            return false;
        value = form is null ? found! : Quote(found!);
        return true;
    }

    private static SortedDictionary<string, string?> ValuesOf(NodeRow node, string? hostname, IReadOnlyDictionary<string, string> vars)
    {
        var values = new SortedDictionary<string, string?>(StringComparer.Ordinal)
        {
            ["name"] = node.Name,
            ["hostname"] = hostname ?? node.Name,
            ["mac"] = node.Mac,
            ["macs"] = node.Inventory is { } inventory ? string.Join(',', inventory.NetworkInterfaces.OrderByDescending(card => card.Boot).Select(card => card.Mac)) : null,
            ["uuid"] = node.Inventory?.System.Uuid?.ToString(),
            ["serial"] = node.Inventory?.System.Serial,
            ["manufacturer"] = node.Inventory?.System.Manufacturer,
            ["product"] = node.Inventory?.System.Product,
            ["address"] = node.Address,
        };
        foreach (var (name, value) in vars)
            values[Var + name] = value;
        return values;
    }

    private static bool IsPlain(string value) =>
        value.Length > 0 && char.IsAsciiLetterOrDigit(value[0]) && value[^1] != ':' && value.All(c => char.IsAsciiLetterOrDigit(c) || PlainMarks.Contains(c, StringComparison.Ordinal));

    // YAML 1.2.2, 7.3.1, of which JSON's strings are a part.
    private static string Quote(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            if (c is '"' or '\\')
                text.Append('\\').Append(c);
            else if (char.IsControl(c) || c is '\u2028' or '\u2029' or '\ufeff')
                text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else
                text.Append(c);
        }
        return text.Append('"').ToString();
    }

    private static int LineOf(string template, int at) => template.AsSpan(0, at).Count('\n') + 1;
}
