using System.Text;
using Microsoft.VisualBasic.FileIO;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Baremetal.Cli.Nodes;

/// <summary>What a list says of one node: the words of <c>node enrol</c>, without their dashes.</summary>
/// <param name="Line">Where it stands in the file.</param>
/// <param name="Values">By word, in the order of the file.</param>
internal sealed record ListedNode(int Line, IReadOnlyList<KeyValuePair<string, string>> Values)
{
    public string? Value(string word) => Values.FirstOrDefault(value => value.Key == word).Value;
}

/// <summary>
/// A list of nodes as people keep one: YAML (a list of mappings) or CSV (a first line of words), told apart by the file's name. CSV also as spreadsheets
/// write it: begun with a byte order mark, with semicolons where the comma is for decimals, and with rows that hold nothing.
/// </summary>
internal static class NodeList
{
    private const int MostBytes = 16 << 20;
    private const char ByteOrderMark = '\ufeff';

    // Without these a line is no node, and a header without them is most often a node's own line.
    private static readonly string[] NeededWords = ["name", "mac"];

    public static IReadOnlyList<ListedNode> Read(string path)
    {
        var text = Encoding.UTF8.GetString(InputFile.Read(path, "list of nodes", MostBytes)).TrimStart(ByteOrderMark);
        var nodes = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".csv" => ReadCsv(path, text),
            ".yaml" or ".yml" => ReadYaml(path, text),
            _ => throw Failure.WrongUsage($"{path} is neither .yaml nor .csv.", "Name the file as what it is."),
        };
        return nodes.Count > 0 ? nodes : throw Failure.Refused($"{path} lists no node.");
    }

    private static List<ListedNode> ReadCsv(string path, string text)
    {
        using var parser = new TextFieldParser(new StringReader(text)) { TextFieldType = FieldType.Delimited, HasFieldsEnclosedInQuotes = true, CommentTokens = ["#"] };
        var separator = SeparatorOf(text);
        parser.SetDelimiters(separator);
        var nodes = new List<ListedNode>();
        try
        {
            string[]? words = null;
            while (!parser.EndOfData)
            {
                var fields = parser.ReadFields() ?? [];
                // It counts the line that it will read next, and -1 when there is none.
                var line = parser.LineNumber > 0 ? (int)parser.LineNumber - 1 : text.TrimEnd().Count(c => c == '\n') + 1;
                if (words is null)
                {
                    words = RequireWords(path, line, fields);
                    continue;
                }
                // An empty field says nothing, as in a spreadsheet, and so does a row of them.
                if (Array.TrueForAll(fields, field => field.Length == 0))
                    continue;
                if (fields.Length != words.Length)
                    throw Failure.Refused($"Line {line} of {path} has {fields.Length} fields; the first line has {words.Length}.", $"A '{separator}' inside of a value wants the value in double quotes.");
                nodes.Add(new ListedNode(line, [.. words.Zip(fields, KeyValuePair.Create).Where(value => value.Value.Length > 0)]));
            }
        }
        catch (MalformedLineException e)
        {
            throw Failure.Refused($"Line {e.LineNumber} of {path} is no CSV.", "Look at its double quotes: one that belongs to a value is written twice.");
        }
        return nodes;
    }

    private static string SeparatorOf(string text)
    {
        var header = text.Split('\n').FirstOrDefault(line => line.Trim() is [not '#', ..], "");
        return header.Count(c => c == ';') > header.Count(c => c == ',') ? ";" : ",";
    }

    private static string[] RequireWords(string path, int line, string[] fields) =>
        NeededWords.Except(fields).ToArray() is { Length: > 0 } missing
            ? throw Failure.Refused(
                $"Line {line} of {path} names no column {string.Join(" and none ", missing.Select(word => $"'{word}'"))}.",
                "The first line of a CSV list says what stands in its columns, in the words of 'node enrol', such as: name,mac,redfish,redfish-user,redfish-password-file")
            : fields;

    // By the parser's events: what is no list of plain values is refused where it stands, and an alias cannot make one node of thousands.
    private static List<ListedNode> ReadYaml(string path, string text)
    {
        var nodes = new List<ListedNode>();
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
                return nodes;
            Expect<SequenceStart>(path, parser, "a list of nodes, each begun with '-'");
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                var start = Expect<MappingStart>(path, parser, "a node's words and values, such as 'name: r7'");
                var values = new List<KeyValuePair<string, string>>();
                while (!parser.TryConsume<MappingEnd>(out _))
                {
                    var word = Expect<Scalar>(path, parser, "a word");
                    var value = Expect<Scalar>(path, parser, $"a plain value for '{word.Value}'");
                    if (values.Any(earlier => earlier.Key == word.Value))
                        throw Failure.Refused($"Line {word.Start.Line} of {path} says '{word.Value}' twice of one node.");
                    values.Add(KeyValuePair.Create(word.Value, value.Value));
                }
                nodes.Add(new ListedNode((int)start.Start.Line, values));
            }
        }
        catch (YamlException e)
        {
            throw Failure.Refused($"Line {e.Start.Line} of {path} is no YAML: {e.Message}");
        }
        return nodes;
    }

    private static T Expect<T>(string path, Parser parser, string what) where T : ParsingEvent =>
        parser.TryConsume<T>(out var found) ? found : throw Failure.Refused($"Line {parser.Current?.Start.Line} of {path} is not {what}.", "'conductor node import --help' shows how it looks.");
}
