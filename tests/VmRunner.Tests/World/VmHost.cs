using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Baremetal.Lab;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>
/// A host of VM containers: podman and runc for real, in a network namespace and folders of the tests' own. Every call is made inside, since
/// podman looks for its bridge where it is called. One for all tests, whose containers have names and addresses of their own.
/// </summary>
public sealed class VmHost : IAsyncLifetime
{
    internal const string Base = "localhost/baremetal/vm-base";
    internal const string Gateway = "10.99.7.1";

    // The least that a VM's container works with.
    private static readonly string[] _capabilities =
    [
        "NET_ADMIN", // bridge, tap and rules
        "NET_BIND_SERVICE", // DHCP's port 67 and metadata's 80, where the engine leaves such ports to root
        "CHOWN", // to give the guest's disk and the sockets' folder to QEMU's user
        "SETUID", // to start QEMU as that user
        "SETGID", // and with no group but its own
    ];

    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, string> _images = new(StringComparer.Ordinal);
    private NetworkNamespace _network = null!;
    private int _containers;

    internal string Folder { get; private set; } = "";

    /// <summary>Of the network that its containers are in.</summary>
    public string Namespace => _network.Name;

    /// <summary>Mounted at /vm of each container.</summary>
    internal string Shared => Path.Combine(Folder, "vm");

    /// <summary>Of this process alone: podman keeps one list of addresses a network's name, wherever its other files are.</summary>
    internal string Network { get; private set; } = "";

    /// <summary>The host's own interface on the containers' network.</summary>
    internal string Bridge { get; private set; } = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>One of a test's own.</summary>
    internal static async Task<VmHost> StartAsync()
    {
        var host = new VmHost();
        await host.InitializeAsync();
        return host;
    }

    public async ValueTask InitializeAsync()
    {
        await Leftovers.SweepAsync();
        var (name, folder) = Leftovers.NewNames();
        (Folder, Network) = (folder, $"{name}-net");
        _network = await NetworkNamespace.CreateAsync(name + ContainerStore.NamespaceSuffix, Cancel);
        Directory.CreateDirectory(Shared);
        await File.WriteAllTextAsync(Path.Combine(folder, "containers.conf"), """
            [containers]
            default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
            [engine]
            runtime = "runc"
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            """, Cancel);
        await _network.IpAsync("link set lo up", Cancel);
        await PodmanAsync("network", "create", "--subnet", "10.99.7.0/24", Network);
        using var network = JsonDocument.Parse(await PodmanAsync("network", "inspect", Network));
        Bridge = network.RootElement[0].GetProperty("network_interface").GetString()!;
        await PodmanAsync("import", "-c", """ENTRYPOINT ["/usr/bin/vm-runner","supervise"]""", "-c", """VOLUME ["/image"]""", Path.Combine(BuildOutputs.RunnerBase), Base);
    }

    /// <summary>An image of the base with the tiny disk.</summary>
    internal Task<string> TinyAsync() => BuildAsync($"FROM {Base}\nCOPY tiny.qcow2 /base_image/tiny.qcow2\n", BuildOutputs.TinyImage);

    /// <summary>Builds a VM's image from a Dockerfile and the files beside it, once.</summary>
    internal async Task<string> BuildAsync(string dockerfile, params string[] files)
    {
        var key = string.Join('\n', [dockerfile, .. files]);
        if (_images.TryGetValue(key, out var made))
            return made;
        var name = $"localhost/vm:{_images.Count + 1}";
        var context = Directory.CreateDirectory(Path.Combine(Folder, $"image-{_images.Count + 1}")).FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), dockerfile, Cancel);
        foreach (var file in files)
            File.Copy(file, Path.Combine(context, Path.GetFileName(file)));
        await PodmanAsync("build", "-q", "-t", name, context);
        return _images[key] = name;
    }

    /// <summary>Starts a VM as the host's service does.</summary>
    internal Task<VmContainer> RunAsync(string image, string[] options, params string[] arguments) => RunAsync(["-e", "VM_ACCELERATOR=tcg", .. Confined, .. options], image, arguments);

    /// <summary>Starts a VM with no option but those that any container has.</summary>
    internal Task<VmContainer> RunAsync(string[] options, string image, string[] arguments)
    {
        var (address, mac) = (string.Create(CultureInfo.InvariantCulture, $"10.99.7.{_containers + 20}"), string.Create(CultureInfo.InvariantCulture, $"52:54:00:aa:bb:{_containers:x2}"));
        return StartAsync(["--network", Network, "--ip", address, "--mac-address", mac, .. options, image, .. arguments], address, mac);
    }

    /// <summary>Starts a VM on a network that the engine did not make.</summary>
    internal async Task<VmContainer> RunAsync(string image, string[] options, NetworkNamespace network) =>
        await StartAsync(["--network", $"ns:/run/netns/{network.Name}", "-e", "VM_ACCELERATOR=tcg", .. Confined, .. options, image], "", "");

    private async Task<VmContainer> StartAsync(string[] arguments, string address, string mac)
    {
        var name = $"vm{++_containers}";
        var id = await PodmanAsync(["run", "-d", "--name", name, "--hostname", name, .. arguments]);
        return new VmContainer(this, id.Trim(), name, address, mac);
    }

    /// <summary>Runs one of this machine's programs in another container of the network.</summary>
    internal async Task<string> NeighbourAsync(string program, params string[] arguments)
    {
        var image = await BuildAsync("FROM scratch\nENV PATH=/usr/bin\n");
        return await PodmanAsync(["run", "--rm", "--network", Network, "-v", "/usr:/usr:ro", "-v", "/usr/lib:/lib:ro", "-v", "/usr/lib64:/lib64:ro", image, program, .. arguments]);
    }

    private ContainerStore Store => new(Folder, Namespace);

    /// <summary>What a VM's container is held by.</summary>
    private string[] Confined =>
    [
        "--cap-drop", "ALL", .. _capabilities.SelectMany(capability => new[] { "--cap-add", capability }), "--security-opt", "no-new-privileges",
        "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp", "--device", "/dev/net/tun", "--pids-limit", "64", "-v", $"{Shared}:/vm",
    ];

    /// <summary>With what they wrote; the images stay.</summary>
    internal async Task EndContainersAsync() => await PodmanAsync("rm", "--force", "--all", "--time", "0", "--volumes");

    internal async Task<JsonElement> InspectAsync(string container)
    {
        var (exitCode, output, errors) = await RunToEndAsync([.. Store.Command, "inspect", container]);
        // podman itself looks twice at a container that may end in between.
        if (exitCode != 0 && errors.Contains("no such process", StringComparison.Ordinal))
            return await InspectAsync(container);
        if (exitCode != 0)
            throw new InvalidOperationException($"`podman inspect {container}` failed with exit code {exitCode}: {errors}");
        using var json = JsonDocument.Parse(output);
        return json.RootElement[0].Clone();
    }

    internal async Task<string> PodmanAsync(params string[] arguments) => (await PodmanBothAsync(arguments)).Output;

    /// <summary>What podman printed, and what it said beside that.</summary>
    internal Task<(string Output, string Errors)> PodmanBothAsync(params string[] arguments) => BothAsync([.. Store.Command, .. arguments]);

    /// <summary>Listens on the loopback of the host's network, and says nothing to whoever comes.</summary>
    internal Socket ListenInside() => _network.Inside(() =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    });

    /// <summary>Runs a program on the host's network.</summary>
    internal async Task<string> InsideAsync(string program, params string[] arguments) => (await BothAsync([.. Inside, program, .. arguments])).Output;

    /// <summary>The same where the program may fail: null if it did.</summary>
    internal Task<string?> TryInsideAsync(string program, params string[] arguments) => TryAsync([.. Inside, program, .. arguments]);

    private async Task<string?> TryAsync(string[] command)
    {
        var (exitCode, output, _) = await RunToEndAsync(command);
        return exitCode == 0 ? output : null;
    }

    private string[] Inside => ["nsenter", $"--net=/run/netns/{Namespace}"];

    private async Task<(string Output, string Errors)> BothAsync(string[] command)
    {
        var (exitCode, output, errors) = await RunToEndAsync(command);
        return exitCode == 0 ? (output, errors) : throw new InvalidOperationException($"`{string.Join(' ', command)}` failed with exit code {exitCode}: {errors}");
    }

    private async Task<(int ExitCode, string Output, string Errors)> RunToEndAsync(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CONTAINERS_CONF"] = Path.Combine(Folder, "containers.conf");
        using var process = Process.Start(start)!;
        using var bounded = new CancellationTokenSource(_bound);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(bounded.Token), process.StandardError.ReadToEndAsync(bounded.Token));
        await process.WaitForExitAsync(bounded.Token);
        return (process.ExitCode, await output, await errors);
    }

    public async ValueTask DisposeAsync()
    {
        await Store.RemoveAsync();
        await _network.DisposeAsync();
        Leftovers.RemoveFolder(Folder);
    }
}

/// <summary>Tests on a host that they share; the containers of each end with it.</summary>
[Collection(VmContainers.Name)]
public abstract class VmTests(VmHost host) : IAsyncDisposable
{
    private protected VmHost Host => host;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await host.EndContainersAsync();
    }
}

/// <summary>Tests with virtual machines, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class VmContainers : ICollectionFixture<VmHost>
{
    public const string Name = "VM containers";
}
