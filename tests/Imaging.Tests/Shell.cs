using System.Diagnostics;

namespace Baremetal.Imaging.Tests;

/// <summary>Runs a tool of the machine; a failure is an exception with what it said.</summary>
internal static class Shell
{
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(2);

    public static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(_longest))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {_longest}.");
        }
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output} {error.Result}");
    }
}
