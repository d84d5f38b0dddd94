using Baremetal.Trust;

namespace Baremetal.Cli;

/// <summary>Ends a command: the reason goes to standard error, the exit code to the caller.</summary>
internal sealed class Failure(int exitCode, Rejection why, IReadOnlyList<string>? details = null) : Exception(why.ToString())
{
    public int ExitCode { get; } = exitCode;

    public Rejection Why { get; } = why;

    /// <summary>Several faults of one thing, a line each, below the cause.</summary>
    public IReadOnlyList<string> Details { get; } = details ?? [];

    public static Failure WrongUsage(string cause, string? remedy = null) => new(ExitCodes.WrongUsage, new Rejection(cause, remedy));

    public static Failure NotFound(string cause, string? remedy = null) => new(ExitCodes.NotFound, new Rejection(cause, remedy));

    public static Failure Refused(string cause, string? remedy = null) => new(ExitCodes.Refused, new Rejection(cause, remedy));

    public static Failure Refused(Rejection why) => new(ExitCodes.Refused, why);
}
