using System.CommandLine;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Nodes;

/// <summary><c>conductor node import</c>: many servers at once. All are checked before the first is enrolled.</summary>
internal static class ImportCommand
{
    public static Verb Create()
    {
        var file = new Argument<string>("FILE") { Description = "A list of nodes, .yaml or .csv. Its words are the options of 'node enrol', and name." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Checks all of them, with the conductor too, and enrols none." };
        return new Verb(
            "import",
            "Makes many servers known, from a list in YAML (- name: r7, mac: …, redfish: …) or CSV (name,mac,redfish,…). Those that are known as they are listed stay as they are.",
            """
            conductor node import rack-7.yaml --dry-run
            conductor node import rack-7.csv
            """,
            async (call, cancel) =>
            {
                var nodes = Parse(call, call.Require(file));
                using var conductor = call.Connect();
                var lines = new List<ImportLine>();
                foreach (var (line, ask) in nodes)
                    lines.Add(await CheckAsync(conductor, line, ask, cancel));
                var isDone = !call.Get(dryRun) && lines.TrueForAll(line => line.Refused is null);
                for (var at = 0; isDone && at < lines.Count; at++)
                    lines[at] = lines[at].IsKnown ? lines[at] : lines[at] with { Node = await conductor.EnrolNodeAsync(lines[at].Ask, cancel) };
                call.Show(new Page<Node>([.. lines.Select(line => line.Node).OfType<Node>()], null), CliJson.Api.PageNode, (screen, _) => Show(screen, lines, isDone));
                Require(lines);
                return ExitCodes.Done;
            })
        {
            file,
            dryRun,
        };
    }

    // Each line is read as the command line that it could be: there is one way to say what a node is, and one set of errors.
    private static List<(int Line, EnrolNode Node)> Parse(Invocation call, string path)
    {
        var options = new EnrolOptions();
        var command = new Command("enrol") { options.Name };
        foreach (var option in options)
            command.Add(option);
        var words = options.Select(option => option.Name.TrimStart('-')).Prepend("name").ToArray();

        var nodes = new List<(int, EnrolNode)>();
        var faults = new List<string>();
        foreach (var listed in NodeList.Read(path))
        {
            try
            {
                nodes.Add((listed.Line, Parse(call, command, options, words, listed)));
            }
            catch (Failure failure)
            {
                faults.Add($"Line {listed.Line}: {failure.Why}");
            }
        }
        faults.AddRange(Twice(nodes, "name", node => node.Name));
        faults.AddRange(Twice(nodes, "MAC", node => node.Mac));
        return faults.Count == 0 ? nodes : throw Failure.WrongUsage($"{path} has {Units.Count(faults.Count, "fault")}. {string.Join(' ', faults)}", "Nothing was enrolled.");
    }

    private static EnrolNode Parse(Invocation call, Command command, EnrolOptions options, string[] words, ListedNode listed)
    {
        if (listed.Values.FirstOrDefault(value => !words.Contains(value.Key)).Key is { } unknown)
            throw Failure.WrongUsage($"There is no word '{unknown}'.", $"The words are {string.Join(", ", words)}.");
        if (listed.Value("name") is not { Length: > 0 } name)
            throw Failure.WrongUsage("The node has no name.");
        string[] args = [.. listed.Values.Where(value => value.Key != "name").SelectMany(value => new[] { $"--{value.Key}", value.Value }), "--", name];
        var parse = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return parse.Errors.Count == 0 ? options.Read(new Invocation(parse, call.Shell)) : throw Failure.WrongUsage(string.Join(' ', parse.Errors.Select(error => error.Message)));
    }

    private static IEnumerable<string> Twice(List<(int Line, EnrolNode Node)> nodes, string what, Func<EnrolNode, string> of) =>
        from same in nodes.GroupBy(node => of(node.Node), StringComparer.OrdinalIgnoreCase)
        where same.Count() > 1
        select $"Lines {string.Join(" and ", same.Select(node => node.Line))} have the {what} {same.Key}.";

    private static async Task<ImportLine> CheckAsync(ConductorClient conductor, int line, EnrolNode ask, CancellationToken cancel)
    {
        try
        {
            return new ImportLine(line, ask, await conductor.EnrolNodeAsync(ask with { DryRun = true }, cancel));
        }
        catch (ProblemException e) when (e.Problem.Status == 409)
        {
            var known = await KnownAsync(conductor, ask, cancel);
            return new ImportLine(line, ask, known, IsKnown: known is not null, known is null ? e.Problem.Title : null);
        }
        catch (ProblemException e) when (e.Problem.Status is 400 or 422)
        {
            return new ImportLine(line, ask, Refused: e.Problem.Title);
        }
    }

    // By what tells one machine from another; the rest may have been edited since.
    private static async Task<Node?> KnownAsync(ConductorClient conductor, EnrolNode ask, CancellationToken cancel)
    {
        try
        {
            var node = await conductor.GetNodeAsync(ask.Name, cancel);
            return node.Name == ask.Name && node.Mac.Equals(ask.Mac, StringComparison.OrdinalIgnoreCase) && node.Power.Driver == ask.Power.Driver && node.Power.Address == ask.Power.Address ? node : null;
        }
        catch (ProblemException e) when (e.Problem.Status is 404 or 409)
        {
            return null;
        }
    }

    private static void Show(Screen screen, List<ImportLine> lines, bool isDone)
    {
        var table = new Table("LINE", "NAME", "MAC", "RESULT");
        foreach (var line in lines)
        {
            table.Add($"{line.Line}", line.Ask.Name, line.Ask.Mac, line.Refused is not null ? new Run("refused", Tone.Bad)
                : line.IsKnown ? "known already"
                : new Run(isDone ? "enrolled" : "can be enrolled", Tone.Good));
        }
        table.Write(screen);
        if (isDone)
            screen.Line("Next, see what they are: conductor node inspect NAME");
    }

    private static void Require(List<ImportLine> lines)
    {
        var refused = lines.Where(line => line.Refused is not null).ToList();
        if (refused.Count > 0)
        {
            throw Failure.Refused(
                $"{refused.Count} of {Units.Count(lines.Count, "node")} cannot be enrolled, so none was. {string.Join(' ', refused.Select(line => $"Line {line.Line}: {line.Refused}"))}",
                "Mend the list; what is known already may stay in it.");
        }
    }

    private sealed record ImportLine(int Line, EnrolNode Ask, Node? Node = null, bool IsKnown = false, string? Refused = null);
}
