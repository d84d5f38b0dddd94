using System.Text;
using System.Text.Json;

namespace Baremetal.Support;

/// <summary>
/// Seeded damage to a JSON document that mostly stays JSON: members dropped, doubled and renamed, values of other types, extreme
/// numbers, long and odd strings, other spellings of base64 and hex, deep nests, one value in another's place; or damage to its bytes.
/// </summary>
public sealed class JsonMutator(int seed, byte[] json)
{
    private static readonly string[] OtherTypes = ["null", "true", "0", "-1", "1.5", "\"\"", "\"x\"", "[]", "{}", "[null]", "[[]]", "{\"\":null}"];

    private static readonly string[] Numbers =
    [
        "-0", "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "18446744073709551615", "18446744073709551616", "99999999999999999999999999999999999999", "1e2", "1e400", "0.1", "01", "1E-400", "0x10", "NaN",
    ];

    private static readonly string[] Strings =
    [
        "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u202e\"", "\"../../etc/passwd\"", "\"a\\nb\"", "\"%s%n\"", "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59.9999999Z\"", "\"9999-12-31T23:59:59-14:00\"", "\"2026-02-30T00:00:00Z\"", "\"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"", "\"*\"", "\"\\\\\"", "\"\\ud83d\\ude00\"",
    ];

    private readonly Random _random = new(seed);
    private readonly Mutator _bytes = new(seed);
    private readonly JsonDocument _document = JsonDocument.Parse(json);
    private readonly JsonElement[] _values = [.. All(JsonDocument.Parse(json).RootElement)];
    private readonly HashSet<int> _targets = [];
    private readonly StringBuilder _text = new();
    private int _visited;

    public byte[] Next()
    {
        if (_random.Next(4) == 0)
            return Cut(_bytes.Mutate(json, ..));
        _targets.Clear();
        for (var changes = _random.Next(1, 4); changes > 0; changes--)
            _targets.Add(_random.Next(_values.Length));
        _visited = 0;
        _text.Clear();
        Write(_document.RootElement);
        var bytes = Encoding.UTF8.GetBytes(_text.ToString());
        return _random.Next(20) == 0 ? _bytes.Mutate(bytes, ..) : bytes;
    }

    private byte[] Cut(byte[] bytes) => _random.Next(4) switch
    {
        0 => bytes[.._random.Next(bytes.Length)],
        1 => [.. bytes, .. bytes.AsSpan(_random.Next(bytes.Length))],
        _ => bytes,
    };

    private static IEnumerable<JsonElement> All(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member => All(member.Value)).Prepend(element),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(All).Prepend(element),
        _ => [element],
    };

    private void Write(JsonElement element)
    {
        if (_targets.Contains(_visited++))
            WriteChanged(element);
        else
            WriteAsItIs(element);
    }

    private void WriteAsItIs(JsonElement element)
    {
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
        {
            _text.Append(element.GetRawText());
            return;
        }
        var isObject = element.ValueKind == JsonValueKind.Object;
        _text.Append(isObject ? '{' : '[');
        var empty = _text.Length;
        foreach (var (name, value) in isObject ? element.EnumerateObject().Select(member => ((string?)member.Name, member.Value)) : element.EnumerateArray().Select(item => ((string?)null, item)))
        {
            // Which of its members a container loses or doubles is decided at the member: the container cannot know what is chosen inside.
            var chosen = _targets.Contains(_visited) ? _random.Next(6) : -1;
            if (chosen == 0)
            {
                _visited++;
                continue;
            }
            for (var copies = chosen == 1 ? 2 : 1; copies > 0; copies--)
            {
                if (_text.Length > empty)
                    _text.Append(',');
                if (name is not null)
                    _text.Append('"').Append(chosen == 2 ? name.ToUpperInvariant() : name).Append("\":");
                Write(value);
            }
        }
        _text.Append(isObject ? '}' : ']');
    }

    private void WriteChanged(JsonElement element)
    {
        switch (_random.Next(7))
        {
            case 0:
                _text.Append(Any(OtherTypes));
                break;
            case 1:
                _text.Append(Any(Numbers));
                break;
            case 2:
                _text.Append(Any(Strings));
                break;
            case 3:
                _text.Append('"').Append('A', _random.Next(50) == 0 ? 70_000 : _random.Next(300)).Append('"');
                break;
            case 4:
                var (open, close) = _random.Next(2) == 0 ? ("[", "]") : ("{\"a\":", "}");
                var depth = _random.Next(50) == 0 ? 5_000 : _random.Next(1, 20);
                _text.Insert(_text.Length, open, depth);
                WriteAsItIs(element);
                _text.Insert(_text.Length, close, depth);
                break;
            case 5:
                _text.Append(_values[_random.Next(_values.Length)].GetRawText());
                break;
            default:
                _text.Append(Respelled(element.GetRawText()));
                break;
        }
    }

    private string Respelled(string raw) => _random.Next(7) switch
    {
        0 => raw.Replace('+', '-').Replace('/', '_'),
        1 => raw.Replace("=", "", StringComparison.Ordinal),
        2 when raw.EndsWith('"') => $"{raw[..^1]}==\"",
        3 when raw.EndsWith('"') => $"{raw[..^1]}\\n \"",
        4 => raw.ToUpperInvariant(),
        5 when raw.Length > 2 && raw[0] == '"' && !raw.Contains('\\') => $"\"{string.Concat(raw[1..^1].Select(c => $"\\u{(int)c:x4}"))}\"",
        _ => OneCharacterChanged(raw),
    };

    private string OneCharacterChanged(string raw)
    {
        var at = _random.Next(raw.Length);
        return $"{raw[..at]}{(char)(raw[at] ^ (1 << _random.Next(7)))}{raw[(at + 1)..]}";
    }

    private string Any(string[] of) => of[_random.Next(of.Length)];
}
