using Baremetal.Cli.Display;

namespace Baremetal.Cli.Tests;

/// <summary>A command line, run in process as a program would: what it printed, what it complained of, how it ended.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    public static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    public static async Task<CommandRun> Of(params string[] args) => await Of(new Surroundings(), args);

    public static async Task<CommandRun> Of(Surroundings around, params string[] args)
    {
        var output = around.Output ?? new StringWriter();
        var error = new StringWriter();
        var shell = new Shell(new Screen(output, around.Terminal), new Screen(error))
        {
            In = new StringReader(around.Input),
            AskSecret = around.AskSecret,
            OpenBytes = () => around.Bytes,
            Variable = around.Variable,
            ConfigDirectory = around.ConfigDirectory,
            StateDirectory = around.StateDirectory,
            Time = around.Time,
        };
        var code = await CommandLine.RunAsync(CommandLine.Create(), args, shell, around.Cancel ?? TestContext.Current.CancellationToken);
        return new CommandRun(code, output.ToString()!, error.ToString());
    }

    /// <summary>The output of a run that must have succeeded.</summary>
    public string Succeeded()
    {
        Assert.True(ExitCode == ExitCodes.Done, $"exit code {ExitCode}: {Error}{Output}");
        Assert.Equal("", Error);
        return Output;
    }

    /// <summary>The error of a run that must have ended with this code, on one line.</summary>
    public string EndedWith(int code)
    {
        Assert.True(ExitCode == code, $"exit code {ExitCode}, expected {code}: {Error}{Output}");
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        return string.Join(' ', Error.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
    }
}

/// <summary>The world of a <see cref="CommandRun"/>: empty unless a test says otherwise.</summary>
internal sealed record Surroundings
{
    public bool Terminal { get; init; }

    public string Input { get; init; } = "";

    public Func<string, byte[]?> AskSecret { get; init; } = _ => null;

    public ByteConsole Bytes { get; init; } = ByteConsole.None;

    public Dictionary<string, string> Variables { get; init; } = [];

    /// <summary>Of this machine only the way to its tools.</summary>
    public string? Variable(string name) => Variables.GetValueOrDefault(name) ?? (name == "PATH" ? Environment.GetEnvironmentVariable(name) : null);

    public string ConfigDirectory { get; init; } = "/nonexistent/config";

    public string StateDirectory { get; init; } = "/nonexistent/state";

    /// <summary>Where the output goes, for a test that looks at it while the command runs.</summary>
    public StringWriter? Output { get; init; }

    public CancellationToken? Cancel { get; init; }

    public TimeProvider Time { get; init; } = new StoppedClock(CommandRun.Now);
}

/// <summary>A clock that stands, so that what is printed is the same each time. Its timers are the system's.</summary>
internal sealed class StoppedClock(DateTimeOffset now) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => now;
}
