using System.CommandLine;
using System.CommandLine.Invocation;
using Baremetal.Cli.Display;

namespace Baremetal.Cli;

/// <summary>
/// <c>--help</c>: what the command does, how it is typed, an example that could be pasted, then each part of it. The options that all
/// commands share are explained once, at the root.
/// </summary>
internal sealed class Help : SynchronousCommandLineAction
{
    private const int MaxWidth = 100;
    private const int Gap = 3;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        Write(((Shell)parseResult.InvocationConfiguration).Out, parseResult.CommandResult.Command);
        return ExitCodes.Done;
    }

    public static void Write(Screen screen, Command command)
    {
        var width = Math.Min(MaxWidth, screen.IsTerminal ? screen.Width : 80);
        foreach (var line in Prose.Fold(command.Description ?? "", width))
            screen.Line(line);

        Head(screen, "Usage");
        screen.Line($"  {UsageOf(command)}");
        if (command is Verb verb)
        {
            Head(screen, "Example");
            foreach (var line in verb.Example.Split('\n'))
                screen.Line($"  {line}");
        }

        var isRoot = command is RootCommand;
        Rows(screen, width, "Commands", command.Subcommands.Select(sub => (sub.Name, (string?)FirstSentence(sub.Description ?? ""))));
        Rows(screen, width, "Arguments", command.Arguments.Select(argument => (argument.Name, argument.Description)));
        Rows(screen, width, isRoot ? "Options of every command" : "Options", command.Options.Where(option => isRoot || !option.Recursive).Select(option => (NameOf(option), option.Description)));
        screen.Line();
        foreach (var line in isRoot ? CommandLine.Closing : [$"'{PathOf(command).Split(' ')[0]} --help' shows the options of every command."])
            screen.Line(line);
    }

    /// <summary><c>conductor node enrol NAME --mac MAC [options]</c>: what cannot be left out, in full.</summary>
    public static string UsageOf(Command command)
    {
        var words = new List<string> { PathOf(command) };
        if (command.Subcommands.Count > 0)
            words.Add("COMMAND");
        words.AddRange(command.Arguments.Select(argument => argument.Arity.MaximumNumberOfValues > 1 ? argument.Name + "…" : argument.Name)
            .Zip(command.Arguments, (name, argument) => argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name));
        words.AddRange(command.Options.Where(option => option.Required).Select(NameOf));
        if (command is Verb && command.Options.Any(option => !option.Required))
            words.Add("[options]");
        return string.Join(' ', words);
    }

    public static string PathOf(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{PathOf(parent)} {command.Name}" : ((RootCommand)command).HelpName ?? command.Name;

    private static string FirstSentence(string text) => text.IndexOf(". ", StringComparison.Ordinal) is var end and > 0 ? text[..(end + 1)] : text;

    private static string NameOf(Option option) => string.Join(' ', new[] { string.Join(", ", option.Aliases.Append(option.Name)), option.HelpName }.OfType<string>());

    private static void Head(Screen screen, string head)
    {
        screen.Line();
        screen.Line(new Run(head + ":", Tone.Strong));
    }

    private static void Rows(Screen screen, int width, string head, IEnumerable<(string Name, string? Description)> symbols)
    {
        var rows = symbols.ToArray();
        if (rows.Length == 0)
            return;
        Head(screen, head);
        // A long name takes a line of its own rather than pushing all descriptions to the right.
        var column = rows.Select(row => row.Name.Length).Where(length => length <= 26).DefaultIfEmpty(0).Max();
        foreach (var (name, description) in rows)
        {
            var label = "  " + name.PadRight(column + Gap);
            if (name.Length > column)
            {
                screen.Line($"  {name}");
                label = new string(' ', column + Gap + 2);
            }
            foreach (var (number, line) in Prose.Fold(description ?? "", width - label.Length).Index())
                screen.Line(number == 0 ? label : new string(' ', label.Length), line);
        }
    }
}
