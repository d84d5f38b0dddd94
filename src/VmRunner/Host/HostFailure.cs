using Baremetal.Trust;

namespace Baremetal.VmRunner.Host;

/// <summary>What a command of the host's exit code says: the same as <c>conductor</c>'s.</summary>
internal static class HostExitCodes
{
    public const int Done = 0;

    /// <summary>It was tried and went wrong.</summary>
    public const int Failed = 1;

    /// <summary>The command line itself is wrong; nothing was tried.</summary>
    public const int WrongUsage = 2;

    /// <summary>What it names is not there.</summary>
    public const int NotFound = 3;

    /// <summary>A rule forbids it, or the conductor does.</summary>
    public const int Refused = 4;
}

/// <summary>Ends a command: the reason goes to standard error, the exit code to the caller.</summary>
internal sealed class HostFailure(int exitCode, Rejection why) : Exception(why.ToString())
{
    public int ExitCode => exitCode;

    public static HostFailure WrongUsage(string cause, string? remedy = null) => new(HostExitCodes.WrongUsage, new Rejection(cause, remedy));

    public static HostFailure NotFound(string cause, string? remedy = null) => new(HostExitCodes.NotFound, new Rejection(cause, remedy));

    public static HostFailure Refused(string cause, string? remedy = null) => new(HostExitCodes.Refused, new Rejection(cause, remedy));

    public static HostFailure Failed(string cause, string? remedy = null) => new(HostExitCodes.Failed, new Rejection(cause, remedy));
}
