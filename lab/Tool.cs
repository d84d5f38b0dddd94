using System.ComponentModel;
using System.Diagnostics;

namespace Baremetal.Lab;

/// <summary>Runs one of the system's small programs to its end.</summary>
internal static class Tool
{
    // `ip` answers in milliseconds; a minute is a machine that hangs.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);

    /// <summary>Returns what it printed; another exit code than 0 is an error that repeats what it said.</summary>
    public static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, string? input, CancellationToken cancellationToken)
    {
        var subject = $"`{program} {string.Join(' ', arguments)}`";
        using var process = Start(program, arguments);
        try
        {
            using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            bounded.CancelAfter(Bound);
            var output = process.StandardOutput.ReadToEndAsync(bounded.Token);
            var errors = process.StandardError.ReadToEndAsync(bounded.Token);
            if (input is not null)
                await process.StandardInput.WriteAsync(input.AsMemory(), bounded.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(bounded.Token);
            return process.ExitCode == 0
                ? await output
                : throw new InvalidOperationException($"{subject} failed with exit code {process.ExitCode}: {(await errors).Trim()}. The lab needs root and what lab/setup.sh installs.");
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{subject} did not end within {Bound}.", late);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException($"{program} cannot be started: {error.Message}. lab/setup.sh installs it.", error);
        }
    }
}
