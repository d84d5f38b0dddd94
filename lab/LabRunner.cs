using System.Net;
using Baremetal.Api;

namespace Baremetal.Lab;

/// <summary>
/// A host of the LAN that is a runner: <c>vm-runner</c> as it is installed, with a podman of its own. Its VMs are real, with emulated processors.
/// </summary>
public sealed class LabRunner : IAsyncDisposable
{
    /// <summary>Beside the conductor's address and those that it gives out.</summary>
    private const string UsualAddress = "10.77.0.9";

    private static readonly TimeSpan CommandBound = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan StopBound = TimeSpan.FromMinutes(1);

    private readonly LanHost _host;
    private readonly string _folder;
    private LabProcess? _service;

    private LabRunner(LanHost host, string folder, string name) => (_host, _folder, Name) = (host, folder, name);

    public string Name { get; }

    public IPAddress Address => _host.Address;

    private string State => Path.Combine(_folder, "runner");

    private ContainerStore Store => new(_folder, _host.Namespace);

    /// <summary>Joins the conductor with a token, and starts the service.</summary>
    public static async Task<LabRunner> StartAsync(Lan lan, LabConductor conductor, string name, CancellationToken cancel = default)
    {
        // The sweep of what dead labs left finds containers by this name.
        var host = await lan.AddHostAsync(ContainerStore.NamespaceSuffix.TrimStart('-'), IPAddress.Parse(UsualAddress), cancel);
        var runner = new LabRunner(host, lan.Folder, name);
        try
        {
            await runner.JoinAsync(await conductor.QueryAsync(["runner", "token", "--name", name], ApiJson.Default.RunnerToken, cancel), cancel);
            runner.Start();
            return runner;
        }
        catch
        {
            await runner.DisposeAsync();
            throw;
        }
    }

    public void Start() => _service = Launch(
        "run", "--state", State, "--base", BuildOutputs.RunnerBase, "--accelerator", "tcg", "--engine-store", _folder, "--containers-conf", Path.Combine(_folder, "containers.conf"));

    /// <summary>As a crash would; the VMs live on.</summary>
    public Task KillAsync() => _service!.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (_service is { HasExited: false } service && service.Signal(LabProcess.SigTerm))
            await service.WaitForExitAsync(StopBound);
        await Store.RemoveAsync();
    }

    private async Task JoinAsync(RunnerToken token, CancellationToken cancel)
    {
        // What a container may have here is less than podman asks for; the rest is as the package has it.
        await File.WriteAllTextAsync(Path.Combine(_folder, "containers.conf"), """
            [containers]
            default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
            [engine]
            runtime = "runc"
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            """, cancel);
        var file = Path.Combine(_folder, "runner.token");
        await File.WriteAllTextAsync(file, token.Token + "\n", cancel);
        var joining = Launch("join", "--server", $"https://{Lan.ConductorAddress}:8443", "--token-file", file, "--pin", token.CaPin, "--state", State);
        if (await joining.WaitForExitAsync(CommandBound, cancel) != 0)
            throw new InvalidOperationException($"The runner {Name} could not join. What it said is in {joining.Output.Path}.");
    }

    // In the LAN's namespace by its network alone: podman needs the machine's own /sys.
    private LabProcess Launch(params string[] arguments) => _host.Start(
        "vm-runner", ["nsenter", $"--mount=/proc/{Environment.ProcessId}/ns/mnt", BuildOutputs.VmRunner, .. arguments]);
}
