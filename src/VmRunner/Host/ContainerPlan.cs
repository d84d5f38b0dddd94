using System.Globalization;
using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Netboot;
using Baremetal.Trust;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Host;

/// <summary>How a VM becomes a container: the base image runs, with the VM's own mounted in it to read from.</summary>
internal static partial class ContainerPlan
{
    /// <summary>How much longer the engine waits than the supervisor, which must be the first to lose its patience.</summary>
    public const int PatienceSeconds = 15;

    // The least that the supervisor works with: NET_ADMIN for bridge, tap and rules, NET_BIND_SERVICE for DHCP's and metadata's ports, SETUID and SETGID
    // to start QEMU as its own user, CHOWN to hand the disk to it.
    private static readonly string[] _capabilities = ["NET_ADMIN", "NET_BIND_SERVICE", "SETUID", "SETGID", "CHOWN"];

    /// <summary>Why a VM is not made as it was ordered, or null.</summary>
    public static Rejection? Fault(CreateVm spec, ImageOptions options)
    {
        var (disk, card, arguments) = Effective(spec, options);
        return !IsHostName(spec.HostName ?? spec.Name) ? new Rejection($"'{Shown(spec.HostName ?? spec.Name)}' is no host name.", $"It has letters, digits and dashes, {VmLimits.LongestHostName} at most.")
            : spec.MemoryMb is < VmLimits.LeastMemoryMb or > VmLimits.MostMemoryMb ? Range("memory", spec.MemoryMb, VmLimits.LeastMemoryMb, VmLimits.MostMemoryMb)
            : spec.Processors is < 1 or > VmLimits.MostProcessors ? Range("processors", spec.Processors, 1, VmLimits.MostProcessors)
            : spec.DiskGb is < 1 or > VmLimits.MostDiskGb ? Range("disk", spec.DiskGb.Value, 1, VmLimits.MostDiskGb)
            : spec.StopSeconds is < 0 or > VmLimits.MostStopSeconds ? Range("time to stop", spec.StopSeconds, 0, VmLimits.MostStopSeconds)
            : spec.Publish?.Length > VmLimits.MostPorts ? Range("published ports", spec.Publish.Length, 0, VmLimits.MostPorts)
            : spec.Address is { } address && !Ipv4.TryParse(address, out _) ? new Rejection($"'{Shown(address)}' is no IPv4 address.", "Write it as 10.89.0.20.")
            : spec.Network is { } network && !Word().IsMatch(network) ? new Rejection($"'{Shown(network)}' is no network's name.", "Name one of the runner's networks.")
            : Array.Find(spec.Publish ?? [], IsWrong) is { } port ? new Rejection($"The port {port.HostAddress}:{port.HostPort}:{port.GuestPort}/{Shown(port.Protocol)} cannot be published.", "Ports are 1 to 65535, tcp or udp, on an address of the runner's.")
            : disk is { Length: > 0 } && !HardwareOptions.TryReadDisk(disk, out _, out var refusal) ? Refused("The disk's options (KVM_BLK_OPTS)", refusal)
            : card is { Length: > 0 } && !HardwareOptions.TryReadCard(card, out _, out refusal) ? Refused("The card's options (KVM_NET_OPTS)", refusal)
            : !HardwareOptions.TryReadExtras(arguments, out _, out refusal) ? Refused("The VM's arguments", refusal)
            : null;
    }

    /// <summary>What podman is told.</summary>
    public static string[] Create(VmRecord record, VmFolder folder, ImageOptions options, string baseImage, HostSettings settings)
    {
        var spec = record.Order.Spec;
        var (disk, card, arguments) = Effective(spec, options);
        return
        [
            "create",
            $"--name=vm-{record.Id}",
            $"--label={Containers.LabelOf(record.Id)}",
            $"--label=io.baremetal.vm.name={spec.Name}",
            $"--hostname={spec.HostName ?? spec.Name}",
            $"--network={spec.Network ?? settings.Network}",
            $"--network-alias={spec.Name}",
            $"--ip={record.Address}",
            $"--mac-address={record.Mac}",
            .. (spec.Publish ?? []).Select(port => $"--publish={Publish(port)}"),

            "--env=RANCHER_VM=true",
            $"--env=VM_ACCELERATOR={settings.Accelerator}",
            $"--env=MEMORY_MB={Text(spec.MemoryMb)}",
            $"--env=CPUS={Text(spec.Processors)}",
            $"--env=VM_STOP_SECONDS={Text(spec.StopSeconds)}",
            .. spec.DiskGb is { } size ? [$"--env=VM_DISK_GB={Text(size)}"] : Array.Empty<string>(),
            .. disk is { Length: > 0 } ? [$"--env=KVM_BLK_OPTS={disk}"] : Array.Empty<string>(),
            .. card is { Length: > 0 } ? [$"--env=KVM_NET_OPTS={card}"] : Array.Empty<string>(),

            .. Walls(settings.Accelerator, spec.MemoryMb, spec.Processors),
            "--restart=no",
            $"--stop-timeout={Text(spec.StopSeconds + PatienceSeconds)}",
            "--pull=never",

            $"--volume={folder.Image}:/image",
            $"--volume={folder.Doors}:/vm",
            $"--volume={folder.Meta}:/meta:ro",
            $"--mount=type=image,source={record.ImageId},destination=/vmimage",
            baseImage,
            .. arguments,
        ];
    }

    /// <summary>What keeps a VM's container to itself, whoever runs it.</summary>
    public static IEnumerable<string> Walls(string accelerator, int memoryMb, int processors) =>
    [
        "--cap-drop=ALL", .. _capabilities.Select(capability => $"--cap-add={capability}"),
        "--security-opt=no-new-privileges",
        "--read-only", "--tmpfs=/run", "--tmpfs=/tmp",
        "--device=/dev/net/tun", .. accelerator == "kvm" ? ["--device=/dev/kvm"] : Array.Empty<string>(),
        $"--pids-limit={Text(128 + processors)}",
        $"--memory={Text(memoryMb + CreateVm.OverheadMb)}m",
        // A share rather than a limit: what one guest leaves is the others'.
        $"--cpu-shares={Text(Math.Min(1024 * processors, 262144))}",
        "--log-driver=k8s-file", "--log-opt=max-size=1mb",
    ];

    // What was ordered wins over what the image says.
    private static (string? Disk, string? Card, IReadOnlyList<string> Arguments) Effective(CreateVm spec, ImageOptions options) =>
        (spec.DiskOptions ?? options.Disk, spec.CardOptions ?? options.Card, spec.Arguments ?? options.Arguments);

    private static string Publish(PublishedPort port) =>
        string.Create(CultureInfo.InvariantCulture, $"{(port.HostAddress is { } address ? $"{address}:" : "")}{port.HostPort}:{port.GuestPort}/{port.Protocol}");

    private static bool IsWrong(PublishedPort port) =>
        port.HostPort is < 1 or > 65535 || port.GuestPort is < 1 or > 65535 || port.Protocol is not ("tcp" or "udp") || port.HostAddress is { } address && !Ipv4.TryParse(address, out _);

    private static bool IsHostName(string name) => name.Length <= VmLimits.LongestHostName && Word().IsMatch(name) && !name.Contains('_', StringComparison.Ordinal);

    private static Rejection Range(string what, int value, int least, int most) =>
        new(string.Create(CultureInfo.InvariantCulture, $"The VM's {what} is {value}; it is {least} to {most}."));

    private static Rejection Refused(string what, string refusal) => new($"{what}: {refusal}.", "Order the VM anew without it.");

    private static string Shown(string text) => text.Length > 80 ? text[..80] + "…" : text;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Word();
}
