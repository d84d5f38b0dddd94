using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Cli.Images;
using Baremetal.Cli.Jobs;
using Baremetal.Cli.Keys;
using Baremetal.Cli.Nodes;
using Baremetal.Cli.Runners;
using Baremetal.Cli.VmImages;
using Baremetal.Cli.Vms;
using Baremetal.Trust;

namespace Baremetal.Cli;

/// <summary>The operator's command line: every command of <c>conductor</c> but <c>serve</c>, which its host adds.</summary>
public static class CommandLine
{
    /// <summary>What stands below the root's help: where the answers to the first questions are.</summary>
    internal static readonly string[] Closing =
    [
        "The conductor and the token come from these options, from CONDUCTOR_SERVER,",
        "CONDUCTOR_TOKEN and CONDUCTOR_CA, or from the files server, token and ca.pem in",
        "~/.config/baremetal. On the conductor's own machine root needs none of them.",
        "",
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused.",
    ];

    /// <summary>The table of commands.</summary>
    public static RootCommand Create()
    {
        var root = new RootCommand("Reinstalls servers over the network: enrol them, sign images, write images to their disks.")
        {
            Family("node", "The servers: makes them known, inspects them, switches them on and off.",
                [NodeCommands.List(), NodeCommands.Show(), InventoryCommand.Create(), NodeCommands.Enrol(), ImportCommand.Create(), NodeCommands.Edit(), NodeActionCommands.Inspect(), NodeActionCommands.Approve(), NodeActionCommands.Adopt(), NodeActionCommands.Clean(), NodeActionCommands.Release(),
                    NodeActionCommands.Rescue(), NodeActionCommands.Unrescue(), NodeActionCommands.Abort(), NodeActionCommands.Protect(), NodeActionCommands.Unprotect(), NodeActionCommands.Maintenance(), NodeActionCommands.Power(), NodeCommands.Remove()]),
            DeployCommand.Create(),
            Family("job", "The work that is done on nodes.",
                [JobCommands.List(), JobCommands.Show(), JobCommands.Watch(), JobCommands.Abort()]),
            Family("runner", "The machines that run VMs.",
                [RunnerCommands.List(), RunnerCommands.Show(), RunnerCommands.Token(), RunnerCommands.Remove()]),
            Family("vm", "Virtual machines, each a container on a runner.",
                [VmCommands.List(), VmCommands.Show(), VmCommands.Create(), VmCommands.Start(), VmCommands.Stop(), VmCommands.Restart(), VmCommands.Delete(), VmCommands.Logs(), VmCommands.ConsoleLog(), ConsoleCommand.Create()]),
            Family("vm-image", "Which images VMs can be made of.",
                [VmImageCommands.Build(), VmImageCommands.List(), VmImageCommands.Remove()]),
            Family("image", "Signs images, looks into them, and keeps the conductor's catalogue.",
                [SignCommand.Create(), CosignCommand.Create(), ImageCommands.Inspect(), ImageCommands.Verify(), CatalogueCommands.Add(), CatalogueCommands.List(), CatalogueCommands.Show(), CatalogueCommands.Remove()]),
            Family("key", "Makes keys and says which of them are trusted.",
                [KeyCommands.New(), KeyCommands.List(), TrustCommands.Trust(), TrustCommands.Revoke()]),
        };
        // Not what the host's file is called: a test host and a renamed binary speak of the same commands.
        root.HelpName = "conductor";
        foreach (var option in GlobalOptions.Create())
            root.Add(option);

        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new Help();
        // Of the four names of help that the parser brings, two are those of another system's shells.
        help.Aliases.Clear();
        help.Aliases.Add("-h");
        help.Description = "Shows what a command does, with an example.";
        root.Options.OfType<VersionOption>().Single().Description = "Shows the version of this program.";
        return root;
    }

    /// <summary>Runs one command line to its exit code. What goes wrong ends here, as a sentence on standard error.</summary>
    public static async Task<int> RunAsync(RootCommand root, IReadOnlyList<string> args, Shell shell, CancellationToken cancel = default)
    {
        // A value that begins with @ is a value, not a file with more arguments.
        var parse = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Action is ParseErrorAction || UnknownOption(parse) is not null || UnknownCommand(parse) is not null)
            return WrongUsage(parse, shell);
        try
        {
            return await parse.InvokeAsync(shell, cancel);
        }
        catch (Failure failure)
        {
            return Say(shell, failure.Why, failure.ExitCode, failure.Details);
        }
        catch (ProblemException e)
        {
            return Say(shell, e.Problem);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Say(shell, new Rejection(e.Message), ExitCodes.Failed);
        }
        catch (OperationCanceledException)
        {
            return Say(shell, new Rejection("Interrupted."), ExitCodes.Interrupted);
        }
    }

    private static Command Family(string name, string description, params ReadOnlySpan<Verb> verbs)
    {
        var family = new Command(name, description);
        foreach (var verb in verbs)
            family.Add(verb);
        return family;
    }

    // What a parser takes for a value because it knows no such option is a slip of the hand, and must not become a file name.
    private static string? UnknownOption(ParseResult parse) => parse.Tokens
        .TakeWhile(token => token.Type != TokenType.DoubleDash)
        .FirstOrDefault(token => token.Type == TokenType.Argument && token.Value is ['-', _, ..])?.Value;

    // --help would pass over it, and explain another command than the one that was asked about.
    private static string? UnknownCommand(ParseResult parse) => parse is { UnmatchedTokens: [var word, ..], CommandResult.Command.Subcommands.Count: > 0 } ? word : null;

    private static int WrongUsage(ParseResult parse, Shell shell)
    {
        var command = parse.CommandResult.Command;
        var path = Help.PathOf(command);
        if (command.Subcommands.Count == 0)
        {
            var causes = UnknownOption(parse) is { } unknown ? [$"'{path}' has no option '{unknown}'."] : parse.Errors.Select(UsageFault.Of);
            return Say(shell, new Rejection(string.Join(' ', causes), $"'{path} --help' says more."), ExitCodes.WrongUsage);
        }
        if (UnknownCommand(parse) is { } word)
            return Say(shell, new Rejection($"'{path}' has no command '{word}'.", $"It has {string.Join(", ", command.Subcommands.Select(sub => sub.Name))}."), ExitCodes.WrongUsage);
        Help.Write(shell.Errors, command);
        return ExitCodes.WrongUsage;
    }

    /// <summary>Ends a command with a reason: as every command of the line says it, also those that a host adds.</summary>
    /// <param name="shell">Where it is said.</param>
    /// <param name="why">The reason.</param>
    /// <param name="exitCode">What the command ends with.</param>
    /// <param name="details">What stands below the cause, each on a line of its own.</param>
    public static int Say(Shell shell, Rejection why, int exitCode, IReadOnlyList<string>? details = null)
    {
        shell.Out.EraseLive();
        Prose.WriteUnder(shell.Errors, new Run("error: ", Tone.Bad), why.Cause);
        foreach (var detail in details ?? [])
            Prose.WriteUnder(shell.Errors, "       ", detail);
        if (why.Remedy is not null)
            Prose.WriteUnder(shell.Errors, new Run("hint:  ", Tone.Faint), why.Remedy);
        return exitCode;
    }

    /// <summary>Ends a command with what the conductor refused it for.</summary>
    internal static int Say(Shell shell, Problem problem) =>
        Say(shell, new Rejection(problem.Detail is null ? problem.Title : $"{problem.Title} {problem.Detail}", RemedyOf(problem, shell)), ExitCodeOf(problem));

    // The conductor speaks to those who call it; here a token is a file or a variable.
    private static string? RemedyOf(Problem problem, Shell shell) => problem.Type != Problem.Unauthenticated ? problem.Remedy
        : $"The token is that of --token FILE, {ConductorAccess.TokenVariable} or {shell.ConfigDirectory}/token, whichever is there first. A conductor's first token lies in admin.token of its state directory, /var/lib/baremetal unless set otherwise.";

    private static int ExitCodeOf(Problem problem) => problem.Status switch
    {
        400 => ExitCodes.WrongUsage,
        404 => ExitCodes.NotFound,
        408 or 429 => ExitCodes.Failed,
        > 400 and < 500 => ExitCodes.Refused,
        _ => ExitCodes.Failed,
    };
}
