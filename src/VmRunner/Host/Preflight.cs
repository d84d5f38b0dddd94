using System.Globalization;
using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>Whether a host has what VMs need, found out by trying rather than by looking for files.</summary>
internal sealed class Preflight(HostSettings settings, Engine engine, BaseImage baseImage)
{
    private const long LeastDiskBytes = 2L << 30;
    private const int LeastMemoryMb = 256;

    // podman's own programs stand apart.
    private static readonly string[] _folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/lib/podman", "/usr/libexec/podman"];

    private static readonly string[] _controllers = ["memory", "pids", "cpu"];

    /// <summary>Every check, in the order in which one needs the other; those that need what is missing say so.</summary>
    public async Task<PreflightCheck[]> RunAsync(CancellationToken cancel)
    {
        var info = await TryAsync("engine", "Install the packages podman and runc (or crun).", () => engine.ReadAsync(EngineJson.Default.EngineInfo, cancel, "info", "--format", "json"));
        var loaded = info.Value is null ? Missing("base", "engine") : await BaseAsync(cancel);
        return
        [
            await KvmAsync(cancel),
            Tun(),
            info.Check ?? EngineCheck(info.Value!),
            loaded,
            loaded.Passed ? await RuntimeAsync(cancel) : Missing("runtime", loaded.Name),
            info.Value is null ? Missing("network", "engine") : await NetworkAsync(info.Value, cancel),
            loaded.Passed ? await BridgeAsync(cancel) : Missing("bridge", loaded.Name),
            info.Value is null ? Missing("limits", "engine") : Limits(info.Value),
            MemoryCheck(),
            DiskCheck(),
        ];
    }

    private async Task<PreflightCheck> KvmAsync(CancellationToken cancel)
    {
        if (settings.Accelerator == "tcg")
            return new PreflightCheck("kvm", true, "Processors are emulated (tcg), as it was set: VMs are slow.");
        return await KvmTrial.AskAsync(cancel) is { } why
            ? new PreflightCheck("kvm", false, why, "Switch on virtualisation in the firmware (VT-x, AMD-V), or nested virtualisation where this is a VM itself, and load kvm_intel or kvm_amd; 'vm-runner run --accelerator tcg' does without, slowly.")
            : new PreflightCheck("kvm", true, "KVM ran a virtual machine.");
    }

    private static PreflightCheck Tun()
    {
        const string Device = "/dev/net/tun";
        try
        {
            using var tun = HostFile.Open(Device, HostFile.ReadWrite);
            return new PreflightCheck("tun", true, $"{Device} can be opened.");
        }
        catch (IOException e)
        {
            return new PreflightCheck("tun", false, $"{e.Message}.", "Load the kernel's module: modprobe tun.");
        }
    }

    private static PreflightCheck EngineCheck(EngineInfo info)
    {
        const int LeastMajor = 4;
        var version = info.Version.Version;
        return int.TryParse(version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) && major >= LeastMajor
            ? new PreflightCheck("engine", true, $"podman {version} with {info.Host.OciRuntime?.Name ?? "no runtime"}.")
            : new PreflightCheck("engine", false, $"podman is of version {version}; {LeastMajor}.0 is the first that will do.", "Update the package podman.");
    }

    private async Task<PreflightCheck> BaseAsync(CancellationToken cancel)
    {
        try
        {
            var imported = await baseImage.LoadAsync(cancel);
            return new PreflightCheck("base", true, $"The containers' base image is {(imported ? "imported" : "there")}: {settings.Base}.");
        }
        catch (Exception e) when (e is EngineException or IOException or UnauthorizedAccessException)
        {
            return new PreflightCheck("base", false, e.Message, $"Install the package baremetal-vm-runner again, or give its file with --base; it is {settings.Base}.");
        }
    }

    private async Task<PreflightCheck> RuntimeAsync(CancellationToken cancel)
    {
        var run = await TryAsync("runtime", "Look at what the runtime says; where it is crun and control groups are mixed (v1 and v2), install runc and set runtime = \"runc\" in containers.conf.",
            () => RunInBaseAsync(["--memory=64m", "--pids-limit=16", "--cap-drop=ALL"], ["ip", "-V"], cancel));
        return run.Check ?? new PreflightCheck("runtime", true, "A container of the base image ran, with limits.");
    }

    private async Task<PreflightCheck> NetworkAsync(EngineInfo info, CancellationToken cancel)
    {
        if (info.Host.NetworkBackend != "netavark")
            return new PreflightCheck("network", false, $"podman's network backend is {info.Host.NetworkBackend}; VMs need netavark, which gives them names.", "Install netavark and aardvark-dns, and set network_backend = \"netavark\" in containers.conf.");
        foreach (var (program, package) in new[] { ("aardvark-dns", "aardvark-dns"), ("iptables", "iptables") })
        {
            if (!IsInstalled(program))
                return new PreflightCheck("network", false, $"There is no {program}.", $"Install the package {package}.");
        }
        var networks = await TryAsync("network", "Look at 'podman network ls'.", async () =>
        {
            var there = await engine.ReadAsync(EngineJson.Default.EngineNetworkArray, cancel, "network", "ls", "--format", "json");
            if (there.All(one => one.Name != settings.Network))
                await engine.RunAsync(Engine.Short, CancellationToken.None, "network", "create", settings.Network);
            return there;
        });
        return networks.Check ?? new PreflightCheck("network", true, $"netavark, with the network {settings.Network}.");
    }

    // In a network of its own, with the programs that the supervisor has.
    private async Task<PreflightCheck> BridgeAsync(CancellationToken cancel)
    {
        const string Remedy = "Load the kernel's modules: modprobe -a bridge nf_tables nft_meta_bridge.";
        var bridge = await TryAsync("bridge", Remedy, () => RunInBaseAsync(["--cap-drop=ALL", "--cap-add=NET_ADMIN"], ["ip", "link", "add", "br0", "type", "bridge"], cancel));
        var filter = await TryAsync("bridge", Remedy, () => RunInBaseAsync(["--cap-drop=ALL", "--cap-add=NET_ADMIN"], ["nft", "add", "table", "bridge", "probe"], cancel));
        return bridge.Check ?? filter.Check ?? new PreflightCheck("bridge", true, "Containers can make bridges, and rules for them.");
    }

    private static PreflightCheck Limits(EngineInfo info)
    {
        var missing = _controllers.Except(info.Host.CgroupControllers ?? [], StringComparer.Ordinal).ToArray();
        return missing.Length == 0
            ? new PreflightCheck("limits", true, $"Control groups {info.Host.CgroupVersion} limit {string.Join(", ", _controllers)}.")
            : new PreflightCheck("limits", false, $"Control groups {info.Host.CgroupVersion} cannot limit {string.Join(", ", missing)}.", "Give the kernel cgroup_enable=memory, and let the service have these controllers (systemd's Delegate=).");
    }

    private PreflightCheck MemoryCheck()
    {
        var left = Capacity.MemoryMb(settings);
        return left >= LeastMemoryMb
            ? new PreflightCheck("memory", true, $"{left} MiB for VMs.")
            : new PreflightCheck("memory", false, $"{left} MiB are left for VMs.", "Lower --reserve-mb, or take a larger machine.");
    }

    private PreflightCheck DiskCheck()
    {
        try
        {
            StateFolder.Make(settings.State.Root);
            var drive = new DriveInfo(settings.State.Root);
            var probe = Path.Combine(settings.State.Root, ".probe");
            StateFolder.Write(probe, "");
            File.Delete(probe);
            return drive.AvailableFreeSpace >= LeastDiskBytes
                ? new PreflightCheck("disk", true, $"{drive.AvailableFreeSpace >> 30} GiB are free for the disks of VMs in {settings.State.Root}.")
                : new PreflightCheck("disk", false, $"{drive.AvailableFreeSpace >> 20} MiB are free for the disks of VMs in {settings.State.Root}; {LeastDiskBytes >> 30} GiB are the least.", "Make room, or put another disk there.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new PreflightCheck("disk", false, $"{settings.State.Root} cannot be written to: {e.Message}", "Run it as root, on a file system that can be written.");
        }
    }

    private Task<string> RunInBaseAsync(string[] options, string[] command, CancellationToken cancel) =>
        engine.RunAsync(Engine.Short, cancel, ["run", "--rm", "--network=none", "--read-only", "--pull=never", .. options, $"--entrypoint={command[0]}", baseImage.Id!, .. command[1..]]);

    private static bool IsInstalled(string program) =>
        _folders.Any(folder => File.Exists(Path.Combine(folder, program)));

    private static PreflightCheck Missing(string name, string other) => new(name, false, $"Not tried: '{other}' comes first.", $"See what {other} says.");

    private static async Task<(T? Value, PreflightCheck? Check)> TryAsync<T>(string name, string remedy, Func<Task<T>> attempt) where T : class
    {
        try
        {
            return (await attempt(), null);
        }
        catch (EngineException e)
        {
            return (null, new PreflightCheck(name, false, e.Message.EndsWith('.') ? e.Message : $"{e.Message}.", remedy));
        }
    }
}
