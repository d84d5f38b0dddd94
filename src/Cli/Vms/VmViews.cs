using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Vms;

/// <summary>VMs as people read them.</summary>
internal static class VmViews
{
    public static void List(Screen screen, Vm[] vms, DateTimeOffset now)
    {
        if (vms.Length == 0)
        {
            screen.Line("There are no VMs yet. 'conductor vm create' makes the first one.");
            return;
        }
        var table = new Table("VM", "STATE", "SINCE", "MEMORY", "CPUS", "ADDRESS", "PORTS", "IMAGE OR CAUSE");
        foreach (var vm in vms.OrderBy(vm => vm.Runner, StringComparer.Ordinal).ThenBy(vm => vm.Name, StringComparer.Ordinal))
        {
            table.Add(
                $"{VmReference.Of(vm)}",
                StateOf(vm),
                Units.Age(now - vm.Since),
                Memory(vm.Spec.MemoryMb),
                $"{vm.Spec.Processors}",
                vm.Address,
                string.Join(',', (vm.Spec.Publish ?? []).Select(Port)),
                vm.Cause is null ? vm.Spec.Image : new Run(vm.Cause, vm.State is VmState.Failed or VmState.Unknown ? Tone.Bad : Tone.Busy));
        }
        table.Write(screen);
    }

    public static void Show(Screen screen, Vm vm)
    {
        var sheet = new Sheet();
        sheet.Add("Name", vm.Name);
        sheet.Add("Id", vm.Id);
        sheet.Add("Runner", vm.Runner);
        sheet.Add("State", $"{Word<VmState>.Of(vm.State)} since {Units.Time(vm.Since)}", StateOf(vm).Tone);
        sheet.Add("Cause", vm.Cause, vm.State is VmState.Failed or VmState.Unknown ? Tone.Bad : Tone.Busy);
        sheet.Add("Shall be", Word<VmTarget>.Of(vm.Target));
        sheet.Add("Exit code", vm.ExitCode is { } code ? $"{code}" : null);
        sheet.Add("Image", vm.Spec.Image);
        sheet.Add("Digest", vm.ImageDigest);
        sheet.Add("Memory", Memory(vm.Spec.MemoryMb));
        sheet.Add("Processors", $"{vm.Spec.Processors}{(vm.Accelerator == "tcg" ? ", emulated (tcg): slow" : "")}");
        sheet.Add("Address", vm.Address);
        sheet.Add("MAC", vm.Mac);
        sheet.Add("Network", vm.Spec.Network);
        foreach (var port in vm.Spec.Publish ?? [])
            sheet.Add("Published", Port(port));
        sheet.Add("Host name", vm.Spec.HostName);
        sheet.Add("SSH keys", vm.Spec.SshKeys is { Length: > 0 } keys ? $"{keys.Length}" : null);
        sheet.Add("User data", vm.HasUserData ? "yes; it is not shown" : null);
        sheet.Add("Disk options", vm.Spec.DiskOptions);
        sheet.Add("Card options", vm.Spec.CardOptions);
        sheet.Add("Arguments", vm.Spec.Arguments is { Length: > 0 } arguments ? string.Join(' ', arguments) : null);
        sheet.Add("Created", Units.Time(vm.CreatedAt));
        sheet.Write(screen);
    }

    public static void Created(Screen screen, Vm vm)
    {
        screen.Line($"Created {VmReference.Of(vm)} from {vm.Spec.Image}: {Word<VmState>.Of(vm.State)}.");
        screen.Line($"Next: conductor vm show {VmReference.Of(vm)}");
    }

    /// <summary>Something was asked for, and is being done.</summary>
    public static void Ordered(Screen screen, Vm vm)
    {
        screen.Line($"{VmReference.Of(vm)} is {Word<VmState>.Of(vm.State)}; it shall be {Word<VmTarget>.Of(vm.Target)}.");
        if (vm.Cause is { } cause)
            Prose.WriteUnder(screen, "  ", cause);
    }

    /// <summary>What was waited for is there.</summary>
    public static void Reached(Screen screen, Vm vm) =>
        screen.Line($"{VmReference.Of(vm)} is ", StateOf(vm), vm is { State: VmState.Running, Address: { } address } ? $", at {address}." : ".");

    public static Run StateOf(Vm vm) => new(Word<VmState>.Of(vm.State), vm.State switch
    {
        VmState.Running => Tone.Good,
        VmState.Failed or VmState.Unknown => Tone.Bad,
        VmState.Stopped => Tone.Plain,
        _ => Tone.Busy,
    });

    private static string Port(PublishedPort port) =>
        $"{(port.HostAddress is not { } address ? "" : address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:" : $"{address}:")}{port.HostPort}:{port.GuestPort}{(port.Protocol == "tcp" ? "" : $"/{port.Protocol}")}";

    private static string Memory(int mb) => Units.Bytes((double)mb * (1 << 20));
}
