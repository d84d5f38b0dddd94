using System.ComponentModel;
using System.Diagnostics;

namespace Baremetal.Lab;

/// <summary>A program that runs beside the lab, in one of its hosts, with all that it prints in a <see cref="Transcript"/>.</summary>
public sealed class LabProcess : IAsyncDisposable
{
    public const int SigKill = 9;
    public const int SigTerm = 15;
    public const int SigCont = 18;
    public const int SigStop = 19;

    // SIGKILL ends a process at once; only one that the kernel holds (a dead disk) takes longer.
    private static readonly TimeSpan KillBound = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private int disposed;

    private LabProcess(string name, Process process, Transcript output)
    {
        Name = name;
        Output = output;
        this.process = process;
        Id = process.Id;
        Ended = FollowAsync();
    }

    public string Name { get; }

    public int Id { get; }

    public Transcript Output { get; }

    /// <summary>Completes with the exit code, once all that it said has been read.</summary>
    internal Task<int> Ended { get; }

    /// <summary>Asked of the kernel, not remembered.</summary>
    public bool HasExited => Ended.IsCompleted || process.HasExited;

    /// <summary>Sends a signal by its Linux number; false when the process is gone already.</summary>
    public bool Signal(int signal) => !HasExited && Native.Signal(Id, signal);

    /// <summary>Ends it as a crash would, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        Signal(SigKill);
        await process.WaitForExitAsync().WaitAsync(KillBound);
    }

    /// <summary>Waits until it has ended by itself; returns its exit code (128 and the signal's number when a signal ended it).</summary>
    public async Task<int> WaitForExitAsync(TimeSpan bound, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Ended.WaitAsync(bound, cancellationToken);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{Name} (pid {Id}) did not end within {bound.TotalSeconds:0.#} s. What it said is in {Output.Path}.", late);
        }
    }

    /// <summary>Ends it if it still runs. Its host does the same at the latest: a second time does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        await KillAsync();
        try
        {
            await Ended.WaitAsync(KillBound);
        }
        catch (TimeoutException)
        {
            // A child of it still holds its pipes; the end of the namespace ends that child.
        }
        process.Dispose();
        Output.Dispose();
    }

    /// <param name="holdInput">Its standard input stays open as long as this process lives: a program that ends with its input ends even with a lab that is killed.</param>
    internal static LabProcess Start(
        string name, IReadOnlyList<string> command, string logPath, Action<string>? onLine, IReadOnlyDictionary<string, string>? environment, bool holdInput = false)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (variable, value) in environment ?? new Dictionary<string, string>())
            start.Environment[variable] = value;

        var output = new Transcript(name, logPath, onLine);
        try
        {
            var started = Process.Start(start)!;
            if (!holdInput)
                started.StandardInput.Close();
            return new LabProcess(name, started, output);
        }
        catch (Exception error)
        {
            output.Dispose();
            if (error is Win32Exception)
                throw new InvalidOperationException($"{name} cannot be started: {command[0]}: {error.Message}. lab/setup.sh installs what the lab needs.", error);
            throw;
        }
    }

    private async Task<int> FollowAsync()
    {
        await Task.WhenAll(PumpAsync(process.StandardOutput), PumpAsync(process.StandardError));
        await process.WaitForExitAsync();
        var code = process.ExitCode;
        Output.End($"exit code {code}");
        return code;
    }

    private async Task PumpAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
            Output.AppendLine(line);
    }
}
