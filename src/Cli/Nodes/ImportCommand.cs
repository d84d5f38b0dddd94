using System.CommandLine;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Nodes;

/// <summary><c>conductor node import</c>: many servers at once. All are checked before the first is enrolled.</summary>
internal static class ImportCommand
{
    /// <summary>Of those with one fault, as many are named.</summary>
    private const int MostLines = 4;

    public static Verb Create()
    {
        var file = new Argument<string>("FILE") { Description = "A list of nodes, .yaml or .csv. Its words are the options of 'node enrol', and name; the files that it names are looked for beside it." };
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
                foreach (var node in nodes)
                    lines.Add(await CheckAsync(conductor, node, cancel));
                var isDone = !call.Get(dryRun) && lines.TrueForAll(line => line.Refused is null);
                for (var at = 0; isDone && at < lines.Count; at++)
                    lines[at] = lines[at].IsKnown ? lines[at] : lines[at] with { Node = await conductor.EnrolNodeAsync(lines[at].Ask, cancel) };
                call.Show(new Page<Node>([.. lines.Select(line => line.Node).OfType<Node>()], null), CliJson.Api.PageNode, (screen, _) => Show(screen, lines, isDone));
                if (call.WantsJson)
                    Warn(call.Shell.Errors, lines);
                Require(lines);
                return ExitCodes.Done;
            })
        {
            file,
            dryRun,
        };
    }

    // Each line is read as the command line that it could be: there is one way to say what a node is, and one set of errors.
    private static List<ImportLine> Parse(Invocation call, string path)
    {
        var options = new EnrolOptions();
        var command = new Command("enrol") { options.Name };
        foreach (var option in options)
            command.Add(option);
        var words = options.Select(option => option.Name.TrimStart('-')).Prepend("name").ToArray();

        var nodes = new List<ImportLine>();
        var faults = new List<(int Line, string Fault)>();
        var list = NodeList.Read(path);
        foreach (var listed in list.Select(node => WithPlaces(node, path)))
        {
            if (FaultsOf(call, command, options, words, listed, out var ask) is { Length: > 0 } found)
                faults.AddRange(found.Select(fault => (listed.Line, fault)));
            else
                nodes.Add(new ImportLine(listed, ask!));
        }
        string[] told = [.. Told(faults), .. Twice(nodes, "name", node => node.Name), .. Twice(nodes, "MAC", node => node.Mac)];
        if (told.Length == 0)
            return nodes;
        var hasUnknown = list.SelectMany(node => node.Values).Any(value => !words.Contains(value.Key));
        throw new Failure(
            ExitCodes.WrongUsage,
            new Rejection($"{path} has {Units.Count(told.Length, "fault")}.", $"Nothing was enrolled.{(hasUnknown ? $" The words are {string.Join(", ", words)}." : "")}"),
            told);
    }

    /// <returns>All that is wrong with it; nothing if it can be asked for.</returns>
    private static string[] FaultsOf(Invocation call, Command command, EnrolOptions options, string[] words, ListedNode listed, out EnrolNode? ask)
    {
        ask = null;
        if (listed.Values.Where(value => !words.Contains(value.Key)).Select(value => Unknown(value.Key, words)).ToArray() is { Length: > 0 } unknown)
            return unknown;
        if (listed.Value("name") is not { Length: > 0 } name)
            return ["The node has no name."];
        string[] args = [.. listed.Values.Where(value => value.Key != "name").SelectMany(value => new[] { $"--{value.Key}", value.Value }), "--", name];
        var parse = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Errors.Count > 0)
            return [.. parse.Errors.Select(UsageFault.Of)];
        try
        {
            ask = options.Read(new Invocation(parse, call.Shell));
            return [];
        }
        catch (Failure failure)
        {
            return [failure.Why.ToString()];
        }
    }

    // Lists have columns of their owners' own too, such as rack, which is like mac: a slip of the hand leaves the first letter.
    private static string Unknown(string word, string[] words) => $"There is no word '{word}'.{(NearestName.Of(word, words) is { } near && word.StartsWith(near[0]) ? $" Is {near} meant?" : "")}";

    // A list and the passwords that it names are kept together, from wherever it is read.
    private static ListedNode WithPlaces(ListedNode listed, string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return listed with { Values = [.. listed.Values.Select(value => IsPasswordFile(value) && value.Value is not ("" or "-") ? KeyValuePair.Create(value.Key, Path.GetFullPath(value.Value, folder)) : value)] };
    }

    private static bool IsPasswordFile(KeyValuePair<string, string> value) => value.Key.EndsWith("-password-file", StringComparison.Ordinal);

    // A fault of a column is one fault, however many lines it has.
    private static IEnumerable<string> Told(List<(int Line, string Fault)> faults) =>
        from same in faults.GroupBy(fault => fault.Fault, fault => fault.Line, StringComparer.Ordinal)
        select $"{LinesOf([.. same.Distinct()])}: {same.Key}";

    private static string LinesOf(int[] lines) => lines switch
    {
        [var one] => $"Line {one}",
        [.. var most, var last] when lines.Length <= MostLines => $"Lines {string.Join(", ", most)} and {last}",
        _ => $"Lines {string.Join(", ", lines.Take(MostLines - 1))} and {lines.Length - MostLines + 1} more",
    };

    private static IEnumerable<string> Twice(List<ImportLine> nodes, string what, Func<EnrolNode, string> of) =>
        from same in nodes.GroupBy(node => of(node.Ask), StringComparer.OrdinalIgnoreCase)
        where same.Count() > 1
        select $"Lines {string.Join(" and ", same.Select(node => node.Line))} have the {what} {same.Key}.";

    private static async Task<ImportLine> CheckAsync(ConductorClient conductor, ImportLine line, CancellationToken cancel)
    {
        try
        {
            return line with { Node = await conductor.EnrolNodeAsync(line.Ask with { DryRun = true }, cancel) };
        }
        catch (ProblemException e) when (e.Problem.Status == 409)
        {
            return await KnownAsync(conductor, line.Ask, cancel) is { } known
                ? line with { Node = known, IsKnown = true, Differences = ListedDifferences.Of(line.Listed, line.Ask, known) }
                : line with { Refused = e.Problem.Title };
        }
        catch (ProblemException e) when (e.Problem.Status is 400 or 422)
        {
            return line with { Refused = e.Problem.Title };
        }
    }

    // By what tells one machine from another; the rest may have been edited since, which is told.
    private static async Task<Node?> KnownAsync(ConductorClient conductor, EnrolNode ask, CancellationToken cancel)
    {
        try
        {
            var node = await conductor.GetNodeAsync(ask.Name, cancel);
            return node.Name == ask.Name && node.Mac.Equals(ask.Mac, StringComparison.OrdinalIgnoreCase) ? node : null;
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
            table.Add($"{line.Line}", line.Ask.Name, line.Ask.Mac, ResultOf(line, isDone));
        table.Write(screen);
        if (lines.Exists(line => line.Differences.Length > 0))
            screen.Line("What differs stays as it is here. To make it what is listed:");
        foreach (var line in lines.Where(line => line.Differences.Length > 0))
            screen.Line($"  {ListedDifferences.Edit(line.Listed, line.Ask.Name, line.Differences)}");
        if (isDone)
            screen.Line("Next, see what they are: conductor node inspect NAME");
    }

    private static Run ResultOf(ImportLine line, bool isDone)
    {
        if (line.Refused is not null)
            return new Run("refused", Tone.Bad);
        if (!line.IsKnown)
            return new Run(isDone ? "enrolled" : "can be enrolled", Tone.Good);
        var result = line.Differences.Length == 0 ? new Run("known already") : new Run($"differs: {string.Join("; ", line.Differences.AsEnumerable())}", Tone.Busy);
        return line.Listed.Values.Any(IsPasswordFile) ? result with { Text = $"{result.Text}; password not compared" } : result;
    }

    // The JSON is of nodes as the conductor has them, in which no difference shows.
    private static void Warn(Screen errors, List<ImportLine> lines)
    {
        foreach (var line in lines.Where(line => line.Differences.Length > 0))
        {
            Prose.WriteUnder(errors, new Run("warning: ", Tone.Busy), $"Line {line.Line}: {line.Ask.Name} {ResultOf(line, isDone: false).Text}.");
            Prose.WriteUnder(errors, new Run("hint:    ", Tone.Faint), $"'{ListedDifferences.Edit(line.Listed, line.Ask.Name, line.Differences)}' makes it what is listed.");
        }
    }

    private static void Require(List<ImportLine> lines)
    {
        var refused = lines.Where(line => line.Refused is not null).ToList();
        if (refused.Count > 0)
        {
            throw new Failure(
                ExitCodes.Refused,
                new Rejection($"{refused.Count} of {Units.Count(lines.Count, "node")} cannot be enrolled, so none was.", "Mend the list; what is known already may stay in it."),
                [.. refused.Select(line => $"Line {line.Line}: {line.Refused}")]);
        }
    }

    private sealed record ImportLine(ListedNode Listed, EnrolNode Ask)
    {
        public int Line => Listed.Line;

        /// <summary>As it is here, or would be.</summary>
        public Node? Node { get; init; }

        public bool IsKnown { get; init; }

        public ListedDifference[] Differences { get; init; } = [];

        /// <summary>Why it cannot be enrolled.</summary>
        public string? Refused { get; init; }
    }
}
