using Baremetal.Api;
using Baremetal.DeployAgent.Efi;
using Baremetal.DeployAgent.Inventory;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>set-boot-disk</c>: the next boot is from the disk that was written, whatever the firmware's order. Under BIOS there is nothing to set: there
/// the conductor's boot script makes way for the disk.
/// </summary>
internal static class SetBootDiskStep
{
    // The fallback path that every bootable disk has (UEFI 2.10, section 3.5.1.1).
    private static readonly string _bootLoader = MachineInventory.Architecture == "aarch64" ? @"\EFI\BOOT\BOOTAA64.EFI" : @"\EFI\BOOT\BOOTX64.EFI";

    public static Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        if (MachineInventory.FirmwareOf(run.Machine) == FirmwareMode.Bios)
        {
            run.Console.Say("The firmware is BIOS: its boot order stays as it is.");
            return Task.FromResult(StepEnd.Done);
        }
        var failure = Set(run);
        return Task.FromResult(new StepEnd(failure));
    }

    private static Rejection? Set(OrderRun run)
    {
        // Read from the disk, not remembered: an earlier start of the agent may have written it.
        var (opened, rejection) = run.Machine.OpenDisk(run.Disk.Name);
        if (opened is null)
            return rejection;
        using var disk = opened;
        if (!DiskPartitions.TryRead(disk, run.Disk.LogicalSectorBytes, out var partitions, out rejection))
            return rejection;
        if (partitions.FirstOrDefault(partition => partition.Entry.Type == GptEntry.EfiSystem) is not { } system)
            return new Rejection($"{disk.Name} has no EFI system partition, which this machine's firmware boots from.", "Choose an image that is made for UEFI.");
        var number = new BootVariables(run.Machine).BootNext(LoadOption.Encode(BootVariables.OurDescription, system, _bootLoader));
        run.Console.Say($"The next boot is from partition {system.Number} of {run.Disk.Name} (BootNext is Boot{number:X4}).");
        return null;
    }
}
