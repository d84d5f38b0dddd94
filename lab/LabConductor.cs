using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baremetal.Api;

namespace Baremetal.Lab;

/// <summary>How a lab's conductor is set up; what is not said is as <c>conductor serve</c> has it.</summary>
public sealed record LabConductorSettings
{
    /// <summary><c>server</c> or <c>proxy</c>; for a proxy, somebody else on the LAN hands out addresses.</summary>
    public string DhcpMode { get; init; } = "server";

    /// <summary>
    /// What kernels of virtual servers need: the serial line is their only console, and without KVM on a busy machine the kernel's test of its timer can
    /// fail for want of ticks, after which it stops.
    /// </summary>
    public const string VirtualKernelArguments = "console=ttyS0 no_timer_check";

    /// <summary>Put on the ramdisk's kernel command line.</summary>
    public string KernelArguments { get; init; } = VirtualKernelArguments;

    /// <summary>Holds the kernel and the ramdisk that nodes are netbooted with.</summary>
    public string RamdiskDirectory { get; init; } = Path.GetDirectoryName(BuildOutputs.Kernel)!;

    /// <summary>What nodes become runners by; null where none shall.</summary>
    public string? RunnerPackage { get; init; }

    /// <summary>A lab's agents beat every two seconds over a network that loses nothing.</summary>
    public TimeSpan HeartbeatLost { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Times that a node is netbooted for one job.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>What becomes of servers that nobody enrolled: <c>off</c> or <c>on</c>.</summary>
    public string Discovery { get; init; } = "off";
}

/// <summary>
/// The real conductor on a lab's network, with its state in the lab's folder, and the operator's command line to it. It can be killed
/// and started again on the same state.
/// </summary>
public sealed class LabConductor : IAsyncDisposable
{
    private static readonly TimeSpan StartBound = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StopBound = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan CommandBound = TimeSpan.FromMinutes(5);

    private readonly Lan _lan;
    private readonly string _folder;
    private LabProcess? _process;
    private int _commands;

    private LabConductor(Lan lan)
    {
        _lan = lan;
        _folder = Path.Combine(lan.Folder, "conductor");
    }

    public string StateDirectory => Path.Combine(_folder, "state");

    public string TrustDirectory => Path.Combine(_folder, "trust");

    /// <summary>All that the conductor has said, over all its starts.</summary>
    public string LogPath => Path.Combine(_lan.Folder, "conductor.log");

    /// <summary>Completes with its exit code when it has ended, by whatever.</summary>
    public Task<int> Ended => _process!.Ended;

    /// <summary>What makes the command line speak to this conductor; for people, too.</summary>
    public IReadOnlyDictionary<string, string> ClientEnvironment => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["CONDUCTOR_SERVER"] = $"https://{Lan.ConductorAddress}:8443",
        ["CONDUCTOR_TOKEN"] = File.ReadAllText(Path.Combine(StateDirectory, "admin.token")).Trim(),
        ["CONDUCTOR_CA"] = Path.Combine(StateDirectory, "ca.pem"),
    };

    /// <summary>Sets it up, starts it and waits until it answers.</summary>
    public static async Task<LabConductor> StartAsync(Lan lan, LabConductorSettings settings, CancellationToken cancellationToken = default)
    {
        var conductor = new LabConductor(lan);
        Directory.CreateDirectory(conductor.TrustDirectory);
        File.WriteAllText(conductor.SettingsPath, conductor.SettingsFor(settings));
        await conductor.StartAsync(cancellationToken);
        return conductor;
    }

    /// <summary>Starts it again, after <see cref="KillAsync"/>.</summary>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        _process = _lan.Conductor.Start("conductor", [BuildOutputs.Conductor, "serve", "--config", SettingsPath]);
        using var http = new HttpClient(_lan.Conductor.CreateHttpHandler()) { BaseAddress = new Uri($"http://{Lan.ConductorAddress}:8080") };
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(StartBound);
        while (!await IsReadyAsync(http, bounded.Token))
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The conductor ended while it started: {string.Join(' ', _process.Output.Tail(5))} All that it said is in {LogPath}.");
            if (bounded.IsCancellationRequested)
                throw new TimeoutException($"The conductor did not answer {http.BaseAddress}readyz within {StartBound.TotalSeconds:0} s. What it said is in {LogPath}.");
            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }
    }

    /// <summary>Sends a signal by its Linux number, such as SIGSTOP: a server that hangs.</summary>
    public void Signal(int signal) => _process!.Signal(signal);

    /// <summary>As systemd stops it: <c>SIGTERM</c>, and all that it holds is written when it has ended.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        _process!.Signal(LabProcess.SigTerm);
        await _process.WaitForExitAsync(StopBound, cancellationToken);
        await KillAsync();
    }

    /// <summary>As a crash would end it: <c>kill -9</c>.</summary>
    public async Task KillAsync()
    {
        if (_process is { } running)
            await running.DisposeAsync();
        _process = null;
    }

    /// <summary>Lets this conductor order deploys: its order key and its CA go into the next version of the trust document.</summary>
    public async Task TrustAsync(string keyFolder, CancellationToken cancellationToken = default)
    {
        File.Copy(Path.Combine(keyFolder, "trust.dsse.json"), TrustFile(1));
        await ReviseTrustAsync(keyFolder, ["--add", $"conductor={Path.Combine(StateDirectory, "order.pub")}", "--ca", Path.Combine(StateDirectory, "ca.pem")], cancellationToken);
    }

    /// <summary>Signs the next version of the trust document, by the options of <c>conductor key trust</c>. It holds from the next order on.</summary>
    public async Task ReviseTrustAsync(string keyFolder, IReadOnlyList<string> changes, CancellationToken cancellationToken = default)
    {
        var version = Directory.GetFiles(TrustDirectory).Length;
        await RunAsync(["key", "trust", "--root-key", Path.Combine(keyFolder, "root.key"), "--in", TrustFile(version), .. changes, "--out", TrustFile(version + 1)], cancellationToken);
    }

    /// <summary>Runs <c>conductor …</c> to its end; anything but exit code 0 is an error with what it said.</summary>
    public async Task<string> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken = default)
    {
        var result = await TryRunAsync(arguments, onLine: null, cancellationToken);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"`conductor {string.Join(' ', arguments)}` ended with exit code {result.ExitCode}: {result.Output.Trim()}");
    }

    /// <summary>Runs <c>conductor …</c> to its end.</summary>
    /// <param name="onLine">Told each line as it comes.</param>
    public async Task<CommandResult> TryRunAsync(IReadOnlyList<string> arguments, Action<string>? onLine = null, CancellationToken cancellationToken = default)
    {
        var lines = new List<string>();
        await using var command = _lan.Conductor.Start($"command-{Interlocked.Increment(ref _commands)}", [BuildOutputs.Conductor, .. arguments], Take, _process is null ? null : ClientEnvironment);
        var code = await command.WaitForExitAsync(onLine is null ? CommandBound : Timeout.InfiniteTimeSpan, cancellationToken);
        lock (lines)
            return new CommandResult(code, string.Join('\n', lines));

        void Take(string line)
        {
            lock (lines)
                lines.Add(line);
            onLine?.Invoke(line);
        }
    }

    /// <summary>What <c>conductor … --output json</c> answers.</summary>
    public async Task<T> QueryAsync<T>(IReadOnlyList<string> arguments, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellationToken = default) where T : class =>
        JsonSerializer.Deserialize(await RunAsync([.. arguments, "--output", "json"], cancellationToken), type)!;

    public Task<Node> NodeAsync(string name, CancellationToken cancellationToken = default) => QueryAsync(["node", "show", name], ApiJson.Default.Node, cancellationToken);

    public async ValueTask DisposeAsync() => await KillAsync();

    private string TrustFile(int version) => Path.Combine(TrustDirectory, $"trust-{version}.dsse.json");

    private string SettingsPath => Path.Combine(_folder, "conductor.json");

    private string SettingsFor(LabConductorSettings settings) => new JsonObject
    {
        ["stateDirectory"] = StateDirectory,
        ["trustDirectory"] = TrustDirectory,
        ["addresses"] = new JsonArray(Lan.ConductorAddress.ToString()),
        ["ramdiskDirectory"] = settings.RamdiskDirectory,
        ["runnerPackage"] = settings.RunnerPackage ?? "/nonexistent",
        ["kernelArguments"] = settings.KernelArguments,
        ["dhcp"] = new JsonObject
        {
            ["mode"] = settings.DhcpMode,
            ["interface"] = "br0",
            ["pool"] = settings.DhcpMode == "server" ? "10.77.0.100-10.77.0.199" : null,
        },
        ["discovery"] = new JsonObject { ["mode"] = settings.Discovery },
        ["limits"] = new JsonObject
        {
            ["heartbeatLost"] = string.Create(CultureInfo.InvariantCulture, $"{settings.HeartbeatLost.TotalSeconds:0}s"),
            ["attempts"] = settings.Attempts,
        },
    }.ToJsonString();

    private static async Task<bool> IsReadyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(Routes.Ready, UriKind.Relative), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}

/// <summary>How a command ended, with all that it printed.</summary>
public sealed record CommandResult(int ExitCode, string Output);
