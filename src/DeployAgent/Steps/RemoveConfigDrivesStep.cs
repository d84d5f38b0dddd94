using Baremetal.Api;
using Baremetal.DeployAgent.Inventory;
using Baremetal.DeployAgent.Orders;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>remove-config-drives</c>: from the disks that the order names beside its target. The beginning of each such file system is zeroed, by which it is known;
/// all else on the disk stays.
/// </summary>
internal static class RemoveConfigDrivesStep
{
    // Boot sectors and their copy, the FAT's beginning, an ISO's descriptors.
    private const long MarksLength = 1 << 20;

    public static Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        foreach (var disk in run.Disks.Skip(1))
        {
            if (Remove(run, disk) is { } failure)
                return Task.FromResult(new StepEnd(failure));
        }
        return Task.FromResult(StepEnd.Done);
    }

    private static Rejection? Remove(OrderRun run, Disk disk)
    {
        if (ConfigDriveSearch.On(run.Machine, disk.Name) is not { } found)
            return new Rejection($"{disk.Name} cannot be read, so that nobody knows where its config drive is.", "Replace the disk, or take it out.");
        var (target, rejection) = run.Machine.OpenDisk(disk.Name);
        if (target is null)
            return rejection;
        using (target)
        {
            foreach (var drive in found)
            {
                target.Zero(drive.Start, Math.Min(drive.Length, MarksLength));
                run.Console.Say($"The old config drive {drive.Name} is removed.");
            }
            target.Flush();
        }
        return ConfigDriveSearch.On(run.Machine, disk.Name) is { Count: 0 } ? null : new Rejection($"{disk.Name} still has its config drive, though it was zeroed.", "The disk does not keep what is written: replace it.");
    }
}
