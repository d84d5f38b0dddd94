using System.ComponentModel;
using System.Diagnostics;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>Runs one of the small programs that the container brings, to its end.</summary>
internal static class Tools
{
    // All of them answer in milliseconds; this is a machine that hangs.
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(1);

    /// <summary>What it printed. Throws an <see cref="IOException"/> with what it said if it failed.</summary>
    public static string Run(string program, IReadOnlyList<string> arguments, string? input = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start)!;
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            if (!process.WaitForExit(_bound))
            {
                End(process);
                throw new IOException($"`{program} {string.Join(' ', arguments)}` did not end within {_bound.TotalSeconds} s");
            }
            return process.ExitCode == 0 ? output.Result : throw new IOException($"`{program} {string.Join(' ', arguments)}`: {errors.Result.Trim()}");
        }
        catch (Win32Exception e)
        {
            throw new IOException($"{program} cannot be started: {e.Message}", e);
        }
    }

    private static void End(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (Win32Exception)
        {
            // Another user's by now, whom we may not end; it ends with us, the first process.
        }
    }
}
