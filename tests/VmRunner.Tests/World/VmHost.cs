using System.Diagnostics;
using System.Text.Json;
using Baremetal.Lab;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>
/// A host of VM containers: podman and runc for real, in a network namespace and folders of the test's own. Every call is made inside, since
/// podman looks for its bridge where it is called.
/// </summary>
internal sealed class VmHost : IAsyncDisposable
{
    public const string Base = "localhost/baremetal/vm-base";

    private const string Network = "vmnet";

    // What the supervisor needs: NET_ADMIN for bridge, tap and rules, SETUID and SETGID to start QEMU as nobody, CHOWN to hand the disk to it.
    private static readonly string[] _capabilities = ["NET_ADMIN", "NET_BIND_SERVICE", "SETUID", "SETGID", "CHOWN", "FOWNER", "DAC_OVERRIDE"];

    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(5);

    private readonly NetworkNamespace _network;
    private int _images;

    private VmHost(NetworkNamespace network, string folder)
    {
        _network = network;
        Folder = folder;
    }

    public string Folder { get; }

    /// <summary>Of the network that its containers are in.</summary>
    public string Namespace => _network.Name;

    /// <summary>Mounted at /vm of each container.</summary>
    public string Shared => Path.Combine(Folder, "vm");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<VmHost> StartAsync()
    {
        await Leftovers.SweepAsync();
        var (name, folder) = Leftovers.NewNames();
        var network = await NetworkNamespace.CreateAsync($"{name}-vm", Cancel);
        var host = new VmHost(network, folder);
        try
        {
            Directory.CreateDirectory(host.Shared);
            await File.WriteAllTextAsync(Path.Combine(folder, "containers.conf"), """
                [containers]
                default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
                [engine]
                runtime = "runc"
                cgroup_manager = "cgroupfs"
                events_logger = "file"
                """, Cancel);
            await network.IpAsync("link set lo up", Cancel);
            await host.PodmanAsync("network", "create", "--subnet", "10.99.7.0/24", Network);
            await host.PodmanAsync("import", "-c", """ENTRYPOINT ["/usr/bin/vm-runner","supervise"]""", "-c", """VOLUME ["/image"]""", Path.Combine(BuildOutputs.RunnerBase), Base);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Builds a VM's image from a Dockerfile and the files beside it.</summary>
    public async Task<string> BuildAsync(string dockerfile, params string[] files)
    {
        var name = $"localhost/vm:{Interlocked.Increment(ref _images)}";
        var context = Directory.CreateDirectory(Path.Combine(Folder, $"image-{_images}")).FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), dockerfile, Cancel);
        foreach (var file in files)
            File.Copy(file, Path.Combine(context, Path.GetFileName(file)));
        await PodmanAsync("build", "-q", "-t", name, context);
        return name;
    }

    /// <summary>Starts a VM as the host's service does.</summary>
    public async Task<VmContainer> RunAsync(string image, string name, string address, string[] options, params string[] arguments)
    {
        var id = await PodmanAsync(
        [
            "run", "-d", "--name", name, "--hostname", name, "--network", Network, "--ip", address, "-e", "RANCHER_VM=true", "-e", "VM_ACCELERATOR=tcg",
            "--cap-drop", "ALL", .. _capabilities.SelectMany(capability => new[] { "--cap-add", capability }), "--security-opt", "no-new-privileges",
            "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp", "--device", "/dev/net/tun", "--pids-limit", "64", "-v", $"{Shared}:/vm", .. options, image, .. arguments,
        ]);
        return new VmContainer(this, id.Trim(), name, address);
    }

    public async Task<JsonElement> InspectAsync(string container)
    {
        using var json = JsonDocument.Parse(await PodmanAsync("inspect", container));
        return json.RootElement[0].Clone();
    }

    public async Task<string> PodmanAsync(params string[] arguments) => (await PodmanBothAsync(arguments)).Output;

    /// <summary>What podman printed, and what it said beside that.</summary>
    public Task<(string Output, string Errors)> PodmanBothAsync(params string[] arguments) => BothAsync("podman",
    [
        "--root", Path.Combine(Folder, "storage"), "--runroot", Path.Combine(Folder, "run"), "--tmpdir", Path.Combine(Folder, "tmp"),
        "--network-config-dir", Path.Combine(Folder, "networks"), .. arguments,
    ]);

    /// <summary>Runs a program on the host's network.</summary>
    public async Task<string> InsideAsync(string program, params string[] arguments) => (await BothAsync(program, arguments)).Output;

    private async Task<(string Output, string Errors)> BothAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo("nsenter", [$"--net=/run/netns/{_network.Name}", program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CONTAINERS_CONF"] = Path.Combine(Folder, "containers.conf");
        using var process = Process.Start(start)!;
        using var bounded = new CancellationTokenSource(_bound);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(bounded.Token), process.StandardError.ReadToEndAsync(bounded.Token));
        await process.WaitForExitAsync(bounded.Token);
        return process.ExitCode == 0 ? (await output, await errors) : throw new InvalidOperationException($"`{program} {string.Join(' ', arguments)}` failed with exit code {process.ExitCode}: {await errors}");
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await PodmanAsync("rm", "-fa", "-t", "0", "-v");
        }
        finally
        {
            await _network.DisposeAsync();
            // podman holds the folder of its layers mounted onto itself.
            using var unmount = Process.Start("umount", ["--lazy", "--quiet", Path.Combine(Folder, "storage", "overlay")]);
            await unmount.WaitForExitAsync(CancellationToken.None);
            Leftovers.RemoveFolder(Folder);
        }
    }
}
