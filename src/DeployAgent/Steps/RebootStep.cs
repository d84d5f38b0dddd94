using Baremetal.DeployAgent.Inventory;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>reboot</c>. The restart itself comes when the conductor has the report that this is done: nobody could send it later. By kexec, the kernel of the
/// partition image is readied for it, read from the disk that the server has now and compared with what was signed; where that fails, the firmware finds
/// the same one.
/// </summary>
internal static class RebootStep
{
    private const string Folder = "/run/kexec";

    private const long Spare = 64L << 20;

    public static async Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        if (!RebootArguments.AreByKexec(run.Order.Steps[^1]))
            return StepEnd.Done;
        try
        {
            if (await LoadAsync(run, cancel) is { } rejection)
                run.Console.Say($"{rejection} The firmware starts it instead.");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            run.Console.Say($"The installed kernel cannot be started from here: {e.Message.TrimEnd('.')}. The firmware starts it instead.");
        }
        return StepEnd.Done;
    }

    private static async Task<Rejection?> LoadAsync(OrderRun run, CancellationToken cancel)
    {
        var envelope = await run.Enrolled.Client.GetManifestAsync(run.Order.ManifestSha256!.Value.ToString(), cancel);
        if (!run.Anchor.TryOpenManifest(envelope, run.Enrolled.Clock.Now, out var manifest, out var digest, out var rejection))
            return rejection;
        if (digest != run.Order.ManifestSha256)
            return new Rejection($"The conductor gave the manifest {digest}, which was not ordered.");
        if (manifest.Predicate.Partition is not { Kernel: { } kernel, Ramdisk: { } ramdisk } image)
            return new Rejection("Where the installed kernel lies is not known.");
        var (opened, refusal) = run.Machine.OpenDisk(run.Disk.Name);
        if (opened is null)
            return refusal;
        using var disk = opened;
        if (!DiskPartitions.TryRead(disk, run.Disk.LogicalSectorBytes, out var partitions, out rejection))
            return rejection;
        if (partitions.FirstOrDefault(partition => partition.Number == image.RootPartition) is not { } root)
            return new Rejection($"{disk.Name} has no partition {image.RootPartition}.");

        // The agent was killed in the middle of this, and would be again.
        if (Directory.Exists(run.Machine.PathOf(Folder)))
            return new Rejection("The agent did not live through the first try to ready the installed kernel.");
        // Once as files, and twice more while the kernel takes them.
        if (MachineInventory.MemoryOf(run.Machine, "MemAvailable") < (3 * (kernel.Bytes + ramdisk.Bytes)) + Spare)
            return new Rejection("There is too little memory to ready the installed kernel.");
        var folder = Directory.CreateDirectory(run.Machine.PathOf(Folder)).FullName;
        try
        {
            var (kernelFile, ramdiskFile) = (Path.Combine(folder, "kernel"), Path.Combine(folder, "ramdisk"));
            if (DiskCopy.Make(disk, kernel, kernelFile) != image.KernelSha256 || DiskCopy.Make(disk, ramdisk, ramdiskFile) != image.RamdiskSha256)
                return new Rejection($"The kernel or ramdisk on {disk.Name} is not what was signed.");
            run.Machine.LoadKernel(kernelFile, ramdiskFile, $"root=PARTUUID={root.Entry.Id} ro {image.KernelArguments}".TrimEnd());
            run.KernelIsReady = true;
            run.Console.Say($"The kernel of {disk.Name} is ready to be started from here.");
            return null;
        }
        finally
        {
            // The kernel has taken what it needs of them.
            Directory.Delete(folder, recursive: true);
        }
    }
}
