using System.Globalization;
using Baremetal.Api;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>What a VM's container is told, by its environment and its arguments; the names are RancherVM's where it had one.</summary>
/// <param name="MemoryMb">The guest's memory, in MiB.</param>
/// <param name="Processors">The guest's.</param>
/// <param name="Disk">How it sees its disk.</param>
/// <param name="Card">How it sees its network card.</param>
/// <param name="Extras">The container's arguments.</param>
/// <param name="AddressPrefix">Which of the container's addresses the guest gets, by how it begins; empty for the first.</param>
/// <param name="GivesAddress">False: the guest's address is nobody's business here (NO_DHCP).</param>
/// <param name="Accelerator">QEMU's <c>kvm</c> or <c>tcg</c>.</param>
/// <param name="DiskGb">How large the guest's disk is made when it is made, in GiB; null: as the image has it.</param>
/// <param name="HasConfigDrive">Whether what the guest is told lies on a drive, too; null: if the host has something to tell.</param>
/// <param name="InstanceId">What the guest is told that it is; empty: its container.</param>
/// <param name="PublicKeys">Who may log in (PUBLIC_KEY_n), in the order of their numbers.</param>
/// <param name="StopWithin">How long the guest has to shut down when the container is stopped; less than the engine's own patience.</param>
internal sealed record VmSettings(
    int MemoryMb, int Processors, GuestDisk Disk, GuestCard Card, GuestExtras Extras, string AddressPrefix, bool GivesAddress, string Accelerator,
    int? DiskGb, bool? HasConfigDrive, string InstanceId, IReadOnlyList<string> PublicKeys, TimeSpan StopWithin)
{
    // Enough for any system that boots at all, and what RancherVM's own examples use.
    private const int UsualMemoryMb = 512;

    private const string PublicKeyPrefix = "PUBLIC_KEY_";

    private const int MostPatienceSeconds = 24 * 60 * 60;

    /// <summary>Throws a <see cref="SupervisorException"/> that names the variable.</summary>
    public static VmSettings Read(IReadOnlyDictionary<string, string> environment, IReadOnlyList<string> arguments)
    {
        var disk = new GuestDisk();
        if (Text("KVM_BLK_OPTS") is { Length: > 0 } blockOptions && !HardwareOptions.TryReadDisk(blockOptions, out disk!, out var refusal))
            throw Refused("KVM_BLK_OPTS", refusal);
        var card = new GuestCard();
        if (Text("KVM_NET_OPTS") is { Length: > 0 } networkOptions && !HardwareOptions.TryReadCard(networkOptions, out card!, out refusal))
            throw Refused("KVM_NET_OPTS", refusal);
        if (!HardwareOptions.TryReadExtras(arguments, out var extras, out refusal))
            throw Refused("The command line", refusal);
        var accelerator = Text("VM_ACCELERATOR") is { Length: > 0 } named ? named : File.Exists("/dev/kvm") ? "kvm" : "tcg";
        if (accelerator is not ("kvm" or "tcg"))
            throw Refused("VM_ACCELERATOR", $"is '{accelerator}'; there are kvm and tcg");
        return new VmSettings(
            Number("MEMORY_MB", UsualMemoryMb, VmLimits.LeastMemoryMb, VmLimits.MostMemoryMb),
            Number("CPUS", 1, 1, VmLimits.MostProcessors),
            disk,
            card,
            extras,
            Text("IP_PREFIX"),
            Text("NO_DHCP").Length == 0,
            accelerator,
            Text("VM_DISK_GB").Length == 0 ? null : Number("VM_DISK_GB", 0, 1, VmLimits.MostDiskGb),
            Text("VM_CONFIG_DRIVE") switch
            {
                "" => null,
                "yes" => true,
                "no" => false,
                var other => throw Refused("VM_CONFIG_DRIVE", $"is '{other}'; there are yes and no"),
            },
            Text("INSTANCE_ID"),
            [.. environment
                .Select(one => (Number: KeyNumber(one.Key), Value: one.Value.Trim()))
                .Where(one => one.Number is not null && one.Value.Length > 0)
                .OrderBy(one => one.Number)
                .Select(one => one.Value)],
            TimeSpan.FromSeconds(Number("VM_STOP_SECONDS", 50, 0, MostPatienceSeconds)));

        string Text(string name) => environment.GetValueOrDefault(name, "").Trim();

        int Number(string name, int usual, int least, int most) => Text(name) switch
        {
            "" => usual,
            var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most => number,
            var text => throw Refused(name, $"is '{text}'; it is a whole number from {least} to {most}"),
        };
    }

    private static int? KeyNumber(string name) =>
        name.StartsWith(PublicKeyPrefix, StringComparison.Ordinal) && int.TryParse(name.AsSpan(PublicKeyPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static SupervisorException Refused(string what, string refusal) => new(ExitCodes.RefusedOption, $"{what} {refusal}.");
}
