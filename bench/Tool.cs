using System.Diagnostics;

namespace Baremetal.Bench;

/// <summary>Runs a program to its end. A program that fails ends the benchmark: its time would be worth nothing.</summary>
internal static class Tool
{
    public static string Run(string program, params ReadOnlySpan<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments.ToArray()) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Trim() : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
    }

    public static void RunShell(string script) => Run("bash", "-eo", "pipefail", "-c", script);
}
