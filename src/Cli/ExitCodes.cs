namespace Baremetal.Cli;

/// <summary>What a command's exit code says to the script that ran it.</summary>
public static class ExitCodes
{
    public const int Done = 0;

    /// <summary>It was tried and went wrong: a job failed, the conductor cannot be reached, a disk is full.</summary>
    public const int Failed = 1;

    /// <summary>The command line itself is wrong; nothing was tried.</summary>
    public const int WrongUsage = 2;

    /// <summary>What it names is not there: a node, an image, a file.</summary>
    public const int NotFound = 3;

    /// <summary>A rule forbids it: a signature, a state, a missing right, a file that would be overwritten.</summary>
    public const int Refused = 4;

    /// <summary>Ctrl-C, as shells count it: 128 and the number of SIGINT.</summary>
    public const int Interrupted = 130;
}
