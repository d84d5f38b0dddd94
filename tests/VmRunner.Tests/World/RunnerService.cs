using System.Diagnostics;
using System.Text;
using Baremetal.Lab;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>
/// <c>vm-runner</c> as it is installed, on a <see cref="VmHost"/>: its podman is the real one, called in the host's network. The service itself has
/// this machine's, where the test's conductor listens.
/// </summary>
internal sealed class RunnerService : IAsyncDisposable
{
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly StringBuilder _said = new();

    private RunnerService(Process process)
    {
        _process = process;
        process.OutputDataReceived += Hear;
        process.ErrorDataReceived += Hear;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Said
    {
        get
        {
            lock (_said)
                return _said.ToString();
        }
    }

    public static RunnerService Start(VmHost host, params string[] options) => new(Begin(host, ["run", .. Options(host), .. options]));

    /// <summary>Runs a command to its end.</summary>
    public static async Task<(int ExitCode, string Said)> RunAsync(VmHost? host, params string[] arguments)
    {
        await using var command = new RunnerService(Begin(host, arguments));
        await command.ExitAsync();
        return (command._process.ExitCode, command.Said);
    }

    public static string State(VmHost host) => Path.Combine(host.Folder, "state");

    public static string[] Options(VmHost host) =>
    [
        "--state", State(host), "--base", BuildOutputs.RunnerBase, "--accelerator", "tcg", "--network", host.Network,
        "--engine-store", host.Folder, "--containers-conf", Path.Combine(host.Folder, "containers.conf"),
    ];

    public async Task SaysAsync(string words)
    {
        using var bounded = new CancellationTokenSource(_bound);
        while (!Said.Contains(words, StringComparison.Ordinal))
        {
            if (bounded.IsCancellationRequested || _process.HasExited)
                throw new TimeoutException($"Waited for the service to say '{words}'. It said:\n{Said}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>As a crash would.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await ExitAsync();
    }

    /// <summary>As systemd does.</summary>
    public async Task<int> StopAsync()
    {
        Process.Start("kill", ["-TERM", $"{_process.Id}"]).Dispose();
        await ExitAsync();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await StopAsync();
        _process.Dispose();
    }

    private static Process Begin(VmHost? host, string[] arguments)
    {
        var start = new ProcessStartInfo(BuildOutputs.VmRunner, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        if (host is not null)
            start.Environment["PATH"] = $"{Podman(host)}:{Environment.GetEnvironmentVariable("PATH")}";
        return Process.Start(start)!;
    }

    private static string Podman(VmHost host)
    {
        var folder = Directory.CreateDirectory(Path.Combine(host.Folder, "bin")).FullName;
        var script = Path.Combine(folder, "podman");
        if (!File.Exists(script))
        {
            File.WriteAllText(script, $"""
                #!/bin/sh
                # Images are fetched where the service is.
                case " $* " in *" pull "*) exec /usr/bin/podman "$@" ;; esac
                exec nsenter --net=/run/netns/{host.Namespace} /usr/bin/podman "$@"

                """);
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return folder;
    }

    private void Hear(object sender, DataReceivedEventArgs line)
    {
        lock (_said)
            _said.AppendLine(line.Data);
    }

    private async Task ExitAsync()
    {
        using var bounded = new CancellationTokenSource(_bound);
        await _process.WaitForExitAsync(bounded.Token);
    }
}
