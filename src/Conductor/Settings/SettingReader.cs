using System.Net;
using Baremetal.Cli;
using Baremetal.Netboot;
using Baremetal.Trust;

namespace Baremetal.Conductor.Settings;

/// <summary>Reads single settings, and remembers what was wrong with each and which were asked for.</summary>
internal sealed class SettingReader(SettingSources sources, List<Rejection> faults)
{
    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);

    public string Text(string name, string? unset) => Raw(name) ?? unset!;

    /// <summary>One that was named must be there; the default one may be missing, since its package may.</summary>
    public string Directory(string name, string unset)
    {
        var path = Text(name, unset);
        if (Raw(name) is { } given && !System.IO.Directory.Exists(given))
            faults.Add(new Rejection($"{Dotted(name)} is '{given}' ({sources.OriginOf(name)}), and there is no such directory.", "Make it, or correct the setting."));
        return path;
    }

    public int Number(string name, int unset, int least, int most) =>
        Parse(name, unset, $"a whole number from {least} to {most}", (string text, out int value) => int.TryParse(text, out value) && value >= least && value <= most);

    public TimeSpan Span(string name, TimeSpan unset) =>
        Parse(name, unset, "a time such as 90s, 15m or 4h, longer than nothing", TryParseSpan);

    public T Word<T>(string name, T unset)
        where T : struct, Enum =>
        Parse(name, unset, $"one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}", (string text, out T value) => Enum.TryParse(text, ignoreCase: true, out value) && !char.IsAsciiDigit(text[0]) && Enum.IsDefined(value));

    public IPAddress? Address(string name, IPAddress? unset) =>
        Parse(name, unset, "an address such as 10.0.0.1", (string text, out IPAddress? value) => IPAddress.TryParse(text, out value));

    public Ipv4? Ipv4Address(string name) =>
        Parse<Ipv4?>(name, null, "an IPv4 address such as 10.0.0.1", static (string text, out Ipv4? value) => TryParseIpv4(text, out value));

    public IPAddress[] Addresses(string name) => List(name, "an address such as 10.0.0.1", static (string text, out IPAddress value) => IPAddress.TryParse(text, out value!));

    public Ipv4[] Ipv4Addresses(string name) => List<Ipv4>(name, "an IPv4 address such as 10.0.0.1", static (string text, out Ipv4 value) => Ipv4.TryParse(text, out value));

    public AddressRange? Range(string name) =>
        Parse<AddressRange?>(name, null, "a range such as 10.0.0.100-10.0.0.200", static (string text, out AddressRange? value) =>
        {
            value = null;
            if (text.Split('-', StringSplitOptions.TrimEntries) is not [var from, var to] || !Ipv4.TryParse(from, out var first) || !Ipv4.TryParse(to, out var last))
                return false;
            value = new AddressRange(first, last);
            return true;
        });

    /// <summary>The names of a list's items, each of which has settings of its own. What is no list there is refused, not passed over.</summary>
    public string[] Items(string name)
    {
        _known.Add(name);
        var items = sources.All.GetSection(name).GetChildren().ToList();
        var remedy = $"Write it into a settings file as [{{\"name\": …}}, …], or word by word: --set {Dotted(name)}.0.name=….";
        // An empty list is an empty text to the parser.
        if (sources.All[name] is { Length: > 0 } text)
            faults.Add(new Rejection($"{Dotted(name)} is '{text}' ({sources.OriginOf(name)}); it must be a list.", remedy));
        if (items.All(item => item.Key.All(char.IsAsciiDigit)))
            return [.. items.Select(item => item.Path)];
        var inside = sources.All.GetSection(name).AsEnumerable().Where(one => one.Value is not null).Select(one => one.Key).ToList();
        faults.Add(new Rejection($"{Dotted(name)} is an object with {string.Join(", ", items.Select(item => $"'{item.Key}'"))} ({sources.OriginOf(inside[0])}); it must be a list.", remedy));
        _known.UnionWith(inside);
        return [];
    }

    /// <summary>A name that nothing asked for is a spelling mistake, and its author believes that it holds.</summary>
    public void RejectUnknown(string[] allowed)
    {
        var known = _known.Where(one => !one.Split(':').Any(part => char.IsAsciiDigit(part[^1]))).Select(Dotted).ToList();
        var list = $"The settings are {string.Join(", ", known)}.";
        foreach (var (name, value) in sources.All.AsEnumerable())
        {
            if (value is null || _known.Contains(name) || allowed.Contains(name, StringComparer.OrdinalIgnoreCase))
                continue;
            var remedy = RemedyInRule(name) ?? RemedyFor(Dotted(name), known);
            faults.Add(new Rejection($"There is no setting '{Dotted(name)}' ({sources.OriginOf(name)}).", remedy ?? $"None is called alike. {list}"));
            // Once is enough.
            if (remedy is null)
                list = "See above.";
        }
    }

    private static string? RemedyFor(string name, List<string> known)
    {
        // Where somebody took the one underscore for the two that stand between the levels of a variable.
        if (name.Contains('_', StringComparison.Ordinal) && known.Find(one => Letters(one).Equals(Letters(name), StringComparison.OrdinalIgnoreCase)) is { } meant)
            return $"Is {meant} meant? As a variable it is {SettingSources.VariablePrefix}{meant.ToUpperInvariant().Replace(".", "__", StringComparison.Ordinal)}.";
        return NearestName.Of(name, known) is { } near ? $"Is {near} meant?" : null;
    }

    /// <summary>For a word of a list's item, which has words of its own; null for all other names.</summary>
    private string? RemedyInRule(string name)
    {
        var item = name[..(name.LastIndexOf(':') is >= 0 and var end ? end + 1 : 0)];
        var words = _known.Where(one => item.Length > 1 && char.IsAsciiDigit(item[^2]) && one.StartsWith(item, StringComparison.OrdinalIgnoreCase)).Select(one => one[item.Length..]).ToList();
        if (words.Count == 0)
            return null;
        var all = $"{Dotted(item[..^1])} may have {string.Join(", ", words)}.";
        return NearestName.Of(name[item.Length..], words) is { } near ? $"Is {near} meant? {all}" : all;
    }

    private static string Letters(string name) => string.Concat(name.Where(char.IsAsciiLetterOrDigit));

    private delegate bool Parser<T>(string text, out T value);

    private T Parse<T>(string name, T unset, string shape, Parser<T> parser)
    {
        if (Raw(name) is not { Length: > 0 } text)
            return unset;
        if (parser(text, out var value))
            return value;
        faults.Add(new Rejection($"{Dotted(name)} is '{text}' ({sources.OriginOf(name)}); it must be {shape}."));
        return unset;
    }

    /// <summary>A JSON list, or one text with commas.</summary>
    private T[] List<T>(string name, string shape, Parser<T> parser)
    {
        _known.Add(name);
        var items = sources.All.GetSection(name).GetChildren().ToList();
        items.ForEach(item => _known.Add(item.Path));
        var texts = items.Count > 0 ? [.. items.Select(item => item.Value ?? "")] : (sources.All[name] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var read = new List<T>();
        foreach (var text in texts)
        {
            if (parser(text, out var value))
                read.Add(value);
            else
                faults.Add(new Rejection($"{Dotted(name)} has '{text}', which is not {shape}."));
        }
        return [.. read];
    }

    private static bool TryParseIpv4(string text, out Ipv4? value)
    {
        value = Ipv4.TryParse(text, out var address) ? address : null;
        return value is not null;
    }

    private string? Raw(string name)
    {
        _known.Add(name);
        return sources.All[name];
    }

    private static bool TryParseSpan(string text, out TimeSpan value)
    {
        value = default;
        if (text.Length < 2 || !int.TryParse(text.AsSpan(0, text.Length - 1), out var count) || count <= 0)
            return false;
        value = text[^1] switch
        {
            's' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMinutes(count),
            'h' => TimeSpan.FromHours(count),
            'd' => TimeSpan.FromDays(count),
            _ => default,
        };
        return value > TimeSpan.Zero;
    }

    private static string Dotted(string name) => name.Replace(':', '.');
}
