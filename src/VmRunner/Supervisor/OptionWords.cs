using System.Diagnostics.CodeAnalysis;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>One of QEMU's options with its value: <c>-device e1000,mac=$MAC</c>; the value is null where the option has none.</summary>
internal sealed record OptionWord(string Name, string? Value);

/// <summary>
/// Reads options as RancherVM's images give them. There is no shell here: words end at blanks, and what a shell would do something with is
/// refused, so that nobody relies on it.
/// </summary>
internal static class OptionWords
{
    // Far longer than any that makes sense.
    private const int MaxLength = 4096;

    private const string ForShells = "'\"`;&|<>()[]{}*?~!#";

    /// <summary>The word itself, with the backslash of its Dockerfile or without.</summary>
    public static string? Placeholder(string value) => value switch
    {
        "$KVM_IMAGE" or @"\$KVM_IMAGE" => "KVM_IMAGE",
        "$BRIDGE_IFACE" or @"\$BRIDGE_IFACE" => "BRIDGE_IFACE",
        "$MAC" or @"\$MAC" => "MAC",
        _ => null,
    };

    /// <param name="text">Such as <c>-hda $KVM_IMAGE</c>.</param>
    /// <param name="options">In their order.</param>
    /// <param name="refusal">What is wrong, as the end of a sentence.</param>
    public static bool TryRead(string text, [NotNullWhen(true)] out IReadOnlyList<OptionWord>? options, [NotNullWhen(false)] out string? refusal)
    {
        options = null;
        if (text.Length > MaxLength)
        {
            refusal = $"is longer than {MaxLength} characters";
            return false;
        }
        return TryRead(text.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries), out options, out refusal);
    }

    public static bool TryRead(IReadOnlyList<string> words, [NotNullWhen(true)] out IReadOnlyList<OptionWord>? options, [NotNullWhen(false)] out string? refusal)
    {
        options = null;
        var read = new List<OptionWord>();
        for (var i = 0; i < words.Count; i++)
        {
            if ((refusal = Fault(words[i])) is not null)
                return false;
            if (words[i] is not ['-', not '-', ..])
            {
                refusal = $"has '{words[i]}' where an option should stand";
                return false;
            }
            var hasValue = i + 1 < words.Count && words[i + 1][0] != '-';
            if (hasValue && (refusal = Fault(words[i + 1])) is not null)
                return false;
            read.Add(new OptionWord(words[i], hasValue ? words[++i] : null));
        }
        (options, refusal) = (read, null);
        return true;
    }

    /// <summary>Reads <c>model,key=value,…</c>; without a model if the first part has an equals sign.</summary>
    public static bool TryReadKeys(string value, out string? model, [NotNullWhen(true)] out IReadOnlyDictionary<string, string>? keys, [NotNullWhen(false)] out string? refusal)
    {
        (model, keys, refusal) = (null, null, null);
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        var parts = value.Split(',');
        for (var i = 0; i < parts.Length; i++)
        {
            var (key, equals) = (parts[i], parts[i].IndexOf('=', StringComparison.Ordinal));
            if (i == 0 && equals < 0)
                model = key;
            else if (equals <= 0 || equals == key.Length - 1)
                refusal = $"has '{key}' where KEY=VALUE should stand";
            else if (!read.TryAdd(key[..equals], key[(equals + 1)..]))
                refusal = $"says {key[..equals]} twice";
            if (refusal is not null)
                return false;
        }
        keys = read;
        return true;
    }

    private static string? Fault(string word)
    {
        foreach (var character in word)
        {
            if (char.IsControl(character) || character > '~')
                return "has a character that is not printable ASCII";
            if (ForShells.Contains(character, StringComparison.Ordinal))
                return $"has a {character}, which only a shell would understand; there is none";
        }
        foreach (var part in word.Split(',', '='))
        {
            if (part.AsSpan().ContainsAny('$', '\\') && Placeholder(part) is null)
                return $"has '{part}'; only $KVM_IMAGE, $BRIDGE_IFACE and $MAC are put in";
        }
        return null;
    }
}
