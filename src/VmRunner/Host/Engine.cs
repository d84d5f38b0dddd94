using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Baremetal.VmRunner.Host;

/// <param name="Store">A folder for all that podman keeps; null: where it keeps it by itself.</param>
/// <param name="ContainersConf">Its configuration; null: its own.</param>
internal sealed record EngineSettings(string? Store = null, string? ContainersConf = null);

/// <summary>podman did not do what it was asked, and said why.</summary>
internal sealed class EngineException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>podman by its command line, which is the same from Debian 12 on. No call goes on for ever, and none says more than fits.</summary>
internal sealed class Engine(EngineSettings settings)
{
    public const string Program = "podman";

    /// <summary>Of calls that work on what is there; on a busy host the layers of a large image take a while to be mounted.</summary>
    public static readonly TimeSpan Short = TimeSpan.FromMinutes(2);

    /// <summary>Of fetching an image over a slow line.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromHours(4);

    private const int MostOutput = 16 << 20;
    private const int MostErrors = 64 << 10;

    /// <summary>What it printed. Throws an <see cref="EngineException"/> with what it said.</summary>
    public async Task<string> RunAsync(TimeSpan within, CancellationToken cancel, params string[] arguments) => (await BothAsync(within, cancel, arguments)).Output;

    /// <summary>The same, with what it said beside that.</summary>
    public async Task<(string Output, string Errors)> BothAsync(TimeSpan within, CancellationToken cancel, params string[] arguments)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bounded.CancelAfter(within);
        using var process = Start(arguments);
        try
        {
            process.StandardInput.Close();
            var (output, errors) = (ReadAsync(process.StandardOutput, MostOutput, bounded.Token), ReadAsync(process.StandardError, MostErrors, bounded.Token));
            await process.WaitForExitAsync(bounded.Token);
            return process.ExitCode == 0 ? (await output, await errors) : throw new EngineException($"podman {arguments[0]}: {Cause(await errors, process.ExitCode)}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new EngineException($"podman {arguments[0]} did not end within {within.TotalMinutes:0} min.");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    public async Task<T> ReadAsync<T>(JsonTypeInfo<T> type, CancellationToken cancel, params string[] arguments) where T : class
    {
        var text = await RunAsync(Short, cancel, arguments);
        try
        {
            return JsonSerializer.Deserialize(text, type) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new EngineException($"What podman {arguments[0]} printed cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A call with our own input and output, whatever it takes.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> RunInFrontAsync(params string[] arguments)
    {
        using var process = Start(redirect: false, arguments);
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    /// <summary>A call whose output is passed on while it comes.</summary>
    public Process Start(params string[] arguments) => Start(redirect: true, arguments);

    private Process Start(bool redirect, string[] arguments)
    {
        string[] store = settings.Store is { } folder
            ?
            [
                "--root", Path.Combine(folder, "storage"), "--runroot", Path.Combine(folder, "run"), "--tmpdir", Path.Combine(folder, "tmp"),
                "--network-config-dir", Path.Combine(folder, "networks"),
            ]
            : [];
        var start = new ProcessStartInfo(Program, [.. store, .. arguments]) { UseShellExecute = false, RedirectStandardInput = redirect, RedirectStandardOutput = redirect, RedirectStandardError = redirect };
        if (settings.ContainersConf is { } conf)
            start.Environment["CONTAINERS_CONF"] = conf;
        // What systemd tells its service is not for containers: podman would pass it on to them.
        start.Environment.Remove("NOTIFY_SOCKET");
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new EngineException($"podman cannot be started: {e.Message}. Install the package podman.", e);
        }
    }

    // Read to the end, so that the writer is not stopped, and kept as far as it fits.
    private static async Task<string> ReadAsync(StreamReader reader, int most, CancellationToken cancel)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int read;
        while ((read = await reader.ReadAsync(buffer, cancel)) > 0)
            text.Append(buffer, 0, Math.Min(read, most - text.Length));
        return text.ToString();
    }

    // The last line is the error; before it stand warnings, and each attempt that failed.
    private static string Cause(string errors, int exitCode)
    {
        var lines = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var last = Array.FindLast(lines, line => line.StartsWith("Error: ", StringComparison.Ordinal)) ?? lines.LastOrDefault() ?? $"it ended with exit code {exitCode} and said nothing";
        return last.StartsWith("Error: ", StringComparison.Ordinal) ? last["Error: ".Length..] : last;
    }
}
