using System.CommandLine;
using Baremetal.Cli.Display;

namespace Baremetal.Cli;

/// <summary>All that a command sees of the process it runs in: its streams, its variables, its files, its clock.</summary>
public sealed class Shell : InvocationConfiguration
{
    public Shell(Screen @out, Screen error)
    {
        Out = @out;
        Errors = error;
        Output = @out.Writer;
        Error = error.Writer;
        // CommandLine.RunAsync turns what is thrown into a sentence and an exit code.
        EnableDefaultExceptionHandler = false;
    }

    public Screen Out { get; }

    public Screen Errors { get; }

    public TextReader In { get; init; } = TextReader.Null;

    /// <summary>Asks a person for a secret that is not shown as it is typed; null where nobody is there to answer.</summary>
    public Func<string, byte[]?> AskSecret { get; init; } = static _ => null;

    /// <summary>Standard input and output as bytes; opened by what needs them alone.</summary>
    public Func<ByteConsole> OpenBytes { get; init; } = static () => ByteConsole.None;

    /// <summary>An environment variable; null if it is not set.</summary>
    public Func<string, string?> Variable { get; init; } = static _ => null;

    /// <summary>Where an operator keeps which conductor is his: files <c>server</c>, <c>token</c> and <c>ca.pem</c>.</summary>
    public string ConfigDirectory { get; init; } = "/nonexistent";

    /// <summary>The state of a conductor that runs on this machine.</summary>
    public string StateDirectory { get; init; } = "/var/lib/baremetal";

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static Shell OfThisProcess()
    {
        var config = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        return new Shell(
            Screen.Of(Console.Out, !Console.IsOutputRedirected, Environment.GetEnvironmentVariable),
            Screen.Of(Console.Error, !Console.IsErrorRedirected, Environment.GetEnvironmentVariable))
        {
            In = Console.In,
            AskSecret = HiddenLine.AskTerminal,
            OpenBytes = ByteConsole.OfThisProcess,
            Variable = Environment.GetEnvironmentVariable,
            ConfigDirectory = Path.Combine(config, "baremetal"),
        };
    }
}
