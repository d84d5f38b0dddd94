using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;

namespace Baremetal.Conductor.Runners;

/// <summary>What can be said of a VM before there is one: by itself, and where it shall stand.</summary>
internal static class VmChecks
{
    /// <summary>All orders of a runner are one answer: as many as fit into it at their largest.</summary>
    public const int MostVms = 200;

    private const int MostArguments = 64;
    private const int LongestText = 4096;

    /// <summary>Of all but the user data, and of the user data as it travels, with what JSON makes of some characters.</summary>
    private const int MostSpecBytes = 64 << 10;
    private const int MostUserDataJsonBytes = 2 * CreateVm.MostUserDataBytes;

    /// <summary>Refuses what no runner could do.</summary>
    public static void Require(CreateVm ask)
    {
        if (!NodeEndpoints.IsName(ask.Name))
            throw Problems.Invalid($"'{ask.Name}' cannot be a VM's name.", "Use letters, digits and dashes, at most 63, beginning with a letter or digit; it becomes the guest's host name if nothing else is given.");
        if (!ImageReference.IsValid(ask.Image))
            throw Problems.Invalid($"'{ask.Image}' names no image.", ImageReference.Forms);
        if (ask.MemoryMb is < VmLimits.LeastMemoryMb or > VmLimits.MostMemoryMb)
            throw Problems.Invalid($"A VM of {ask.MemoryMb} MiB of memory cannot be.", $"Give {VmLimits.LeastMemoryMb} MiB to {VmLimits.MostMemoryMb >> 20} TiB.");
        if (ask.Processors is < 1 or > VmLimits.MostProcessors)
            throw Problems.Invalid($"A VM of {ask.Processors} processors cannot be.", $"Give 1 to {VmLimits.MostProcessors}.");
        if (ask.DiskGb is < 1 or > VmLimits.MostDiskGb)
            throw Problems.Invalid($"A VM with a disk of {ask.DiskGb} GiB cannot be.", $"Give 1 GiB to {VmLimits.MostDiskGb} GiB, or leave it out: as the image has it.");
        if (ask.StopSeconds is < 1 or > VmLimits.MostStopSeconds)
            throw Problems.Invalid($"The guest would have {ask.StopSeconds} s to shut down.", $"Give 1 s to {VmLimits.MostStopSeconds} s.");
        if (ask.Target == VmTarget.Deleted)
            throw Problems.Invalid("A VM that shall be deleted is not created.", "Its target is running or stopped.");
        if (ask.HostName is { } host && (host.Length > VmLimits.LongestHostName || Uri.CheckHostName(host) != UriHostNameType.Dns || host.Contains('_', StringComparison.Ordinal)))
            throw Problems.Invalid($"'{host}' cannot be a guest's host name.", $"It has letters, digits, dashes and dots, at most {VmLimits.LongestHostName}.");
        if (ask.Address is { } address && !IsAddress(address))
            throw Problems.Invalid($"'{address}' is no IPv4 address.", "Write it as 10.89.0.20.");
        RequireText(ask.Network, "network");
        RequireText(ask.DiskOptions, "disk options");
        RequireText(ask.CardOptions, "card options");
        if (ask.Arguments?.Length > MostArguments)
            throw Problems.Invalid($"The VM has {ask.Arguments.Length} arguments; it may have {MostArguments}.");
        foreach (var argument in ask.Arguments ?? [])
            RequireText(argument ?? throw Problems.Invalid("An argument is null."), "argument");
        RequirePorts(ask.Publish ?? []);
        JobEndpoints.RequireKeys(ask.SshKeys ?? []);
        RequireSize(ask);
    }

    /// <summary>Refuses what does not go with what the runner has, and with the VMs that it has already.</summary>
    public static void RequireRoom(CreateVm ask, RunnerRow runner, bool isLost, List<VmRow> others)
    {
        RequireReady(runner, isLost);
        if (others.Count >= MostVms)
            throw Problems.Conflict("no-room", $"Runner {runner.Name} has {others.Count} VMs, the most that a runner can have.", "Create it on another, or delete one.");
        if (others.Find(vm => vm.Name.Equals(ask.Name, StringComparison.OrdinalIgnoreCase)) is { } same)
            throw Problems.Conflict("exists", $"There is already a VM '{same.Name}' on runner {runner.Name}{(same.Target == VmTarget.Deleted ? ", which is being deleted" : "")}.", "Choose another name, or delete it first.");

        var capacity = runner.Capacity!;
        if (ask.Network is { } network && !capacity.Networks.Contains(network))
            throw Problems.Conflict("no-network", $"Runner {runner.Name} has no network '{network}'.", capacity.Networks.Length == 0 ? "It has none at all: see its preflight." : $"It has {string.Join(", ", capacity.Networks)}.");
        if (ask.Address is { } address && others.Find(vm => (vm.Spec.Address ?? vm.Address) == address && NetworkOf(vm.Spec) == NetworkOf(ask)) is { } holder)
            throw Problems.Conflict("address-taken", $"VM {holder.Name} has the address {address} on runner {runner.Name}.", "Give another, or none: the next that is free is taken.");
        foreach (var port in ask.Publish ?? [])
        {
            if (others.Find(vm => (vm.Spec.Publish ?? []).Any(taken => Meet(port, taken))) is { } user)
                throw Problems.Conflict("port-taken", $"VM {user.Name} has port {Written(port)} of runner {runner.Name} already.", "Publish another of the host's ports.");
        }
        if (ask.Processors > capacity.Processors)
            throw Problems.Conflict("no-room", $"VM {ask.Name} wants {ask.Processors} processors; runner {runner.Name} has {capacity.Processors}.", "Give it fewer, or create it on a larger runner.");
        var (free, needed) = ((long)capacity.MemoryMb - runner.VmMemoryMb, (long)ask.MemoryMb + CreateVm.OverheadMb);
        if (needed > free)
        {
            throw Problems.Conflict("no-room",
                $"VM {ask.Name} needs {needed} MiB of memory ({ask.MemoryMb} and {CreateVm.OverheadMb} around it); runner {runner.Name} has {Math.Max(0, free)} of {capacity.MemoryMb} MiB free.",
                "Give it less, delete a VM there (a stopped one keeps its memory), or create it on another runner.");
        }

        string? NetworkOf(CreateVm vm) => vm.Network ?? capacity.Networks.FirstOrDefault();
    }

    private static void RequireReady(RunnerRow runner, bool isLost)
    {
        if (isLost)
            throw Problems.Conflict("runner-lost", $"Runner {runner.Name} has said nothing since {runner.LastSeen.UtcDateTime:u}.", $"See that it runs and reaches this conductor: 'systemctl status baremetal-vm-runner' there.");
        if (runner.Preflight?.FirstOrDefault(check => !check.Passed) is { } failed)
            throw Problems.Conflict("runner-not-ready", $"Runner {runner.Name} cannot take VMs ({failed.Name}): {failed.Finding}", failed.Remedy);
        if (runner.Capacity is null)
            throw Problems.Conflict("runner-not-ready", $"Runner {runner.Name} has joined, and has not reported yet.", "It does so within seconds of its start: 'systemctl status baremetal-vm-runner' there.");
    }

    private static void RequirePorts(PublishedPort[] ports)
    {
        if (ports.Length > VmLimits.MostPorts)
            throw Problems.Invalid($"The VM publishes {ports.Length} ports; it may publish {VmLimits.MostPorts}.");
        foreach (var (at, port) in ports.Index())
        {
            if (port is null)
                throw Problems.Invalid("A published port is null.");
            if (port.HostPort is < 1 or > 65535 || port.GuestPort is < 1 or > 65535)
                throw Problems.Invalid($"Port {port.HostPort} of the host to {port.GuestPort} of the guest cannot be.", "Ports are 1 to 65535.");
            if (port.Protocol is not ("tcp" or "udp"))
                throw Problems.Invalid($"'{port.Protocol}' is no protocol of a published port.", "It is tcp or udp.");
            if (port.HostAddress is { } address && !IsAddress(address))
                throw Problems.Invalid($"'{address}' is no IPv4 address to publish a port on.");
            if (Array.Exists(ports[..at], earlier => Meet(port, earlier)))
                throw Problems.Invalid($"The VM publishes port {Written(port)} twice.");
        }
    }

    private static bool Meet(PublishedPort one, PublishedPort other) =>
        one.HostPort == other.HostPort && one.Protocol == other.Protocol
        && (AddressOf(one) is not { } mine || AddressOf(other) is not { } theirs || mine.Equals(theirs));

    // Null: all of them.
    private static IPAddress? AddressOf(PublishedPort port) =>
        port.HostAddress is null ? null : IPAddress.Parse(port.HostAddress) is var address && address.Equals(IPAddress.Any) ? null : address;

    private static string Written(PublishedPort port) => $"{(port.HostAddress is null ? "" : $"{port.HostAddress}:")}{port.HostPort}/{port.Protocol}";

    // Written as everybody does: 10.1 is an address to some parsers, and another one to people.
    private static bool IsAddress(string text) => IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == text;

    private static void RequireText(string? text, string what)
    {
        if (text?.Length > LongestText)
            throw Problems.Invalid($"The VM's {what} has {text.Length} characters; it may have {LongestText}.");
        if (text?.Any(char.IsControl) == true)
            throw Problems.Invalid($"The VM's {what} has control characters.");
    }

    private static void RequireSize(CreateVm ask)
    {
        if (ask.UserData is { } userData)
        {
            if (Encoding.UTF8.GetByteCount(userData) is > CreateVm.MostUserDataBytes and var bytes)
                throw Problems.Invalid($"The user data has {bytes} bytes; it may have {CreateVm.MostUserDataBytes}.", "Let it fetch the rest from elsewhere.");
            if (JsonSerializer.SerializeToUtf8Bytes(ask with { UserData = null }, ApiJson.Default.CreateVm).Length is var without && JsonSerializer.SerializeToUtf8Bytes(ask, ApiJson.Default.CreateVm).Length - without > MostUserDataJsonBytes)
                throw Problems.Invalid("The user data is no text: too many of its characters are none that anybody reads.", "Give text for cloud-init, or let it fetch the rest from elsewhere.");
        }
        if (JsonSerializer.SerializeToUtf8Bytes(ask with { UserData = null }, ApiJson.Default.CreateVm).Length is > MostSpecBytes and var spec)
            throw Problems.Invalid($"What is said of the VM beside its user data has {spec} bytes; it may have {MostSpecBytes}.", "Give fewer keys, or let the guest fetch them.");
    }
}
