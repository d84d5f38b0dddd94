using System.Diagnostics.CodeAnalysis;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Nodes;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>What a deploy would write and where; <paramref name="Target"/> is null while the node's inventory is not known, <paramref name="Layout"/> also for a whole-disk image.</summary>
public sealed record DeployPlan(ImageManifest Manifest, TrustAnchor Anchor, Disk? Target, PlannedPartition[]? Layout = null, StaleConfigDrive[]? StaleConfigDrives = null);

/// <summary>
/// All that can be checked about a deploy before a machine is touched. Asked when a deploy is ordered, so that its operator hears of it
/// at once; again with the fresh inventory; and of the trust once more whenever an order is signed.
/// </summary>
public sealed class DeployChecks(IDatabase database, TrustChainStore trust, BlobStore blobs, TimeProvider time)
{
    /// <param name="hasConfigDrive">Whether the deploy writes a config drive.</param>
    public bool TryPlan(Digest manifestSha256, DeployNode ask, bool hasConfigDrive, NodeRow node, [NotNullWhen(true)] out DeployPlan? plan, [NotNullWhen(false)] out Rejection? rejection)
    {
        plan = null;
        if (!TryTrust(manifestSha256, out var manifest, out var anchor, out rejection))
            return false;
        var image = manifest.Predicate;
        if (ImageTable.BlobsOf(manifest).FirstOrDefault(blob => !blobs.Has(blob.Digest, blob.Size)) is { What: { } what } missing)
            rejection = new Rejection($"The {what} of image {image.Name}:{image.Version} (blob {missing.Digest}) is not here any more.", $"Upload it again: 'conductor image add'.");
        else if (image.Arch == ImagePredicate.AnyArch || image.Firmware.Length == 0)
            rejection = new Rejection($"The manifest of image {image.Name}:{image.Version} does not say which {(image.Firmware.Length == 0 ? "firmware" : "architecture")} it is made for.", "Sign it with --arch and --firmware: a deploy does not try out what boots.");
        else if ((node.Inventory?.Firmware ?? node.Firmware) is { } firmware && !image.Firmware.Contains(Word(firmware)))
            rejection = new Rejection($"Image {image.Name}:{image.Version} boots under {string.Join(" and ", image.Firmware)}; node {node.Name} has {Word(firmware)}.", "Choose another image, or change the machine's firmware mode and inspect it again.");
        else if (ask.SwapBytes is not null && image.Partition is null)
            rejection = new Rejection($"Image {image.Name}:{image.Version} is a whole disk, whose partitions are its own; swap is added to partition images.", "Deploy it without swap, or an image that has a swap partition.");
        else if (ask.Kexec && image.Partition is not { Kernel: not null, Ramdisk: not null })
            rejection = new Rejection($"Where the kernel of image {image.Name}:{image.Version} lies is not known: {(image.Partition is null ? "it is a whole disk, with a boot loader of its own" : "it was signed by an older version")}.", image.Partition is null ? "Deploy it without --kexec." : "Sign it anew, or deploy it without --kexec.");
        else if (node.Inventory is { } inventory)
        {
            return TryFit(image, ask.RootDevice, node.Name, inventory, out var target, out rejection)
                && TryLayOut(image, ask, hasConfigDrive, node.Name, target!, out var layout, out rejection)
                && StaleConfigDrives.TryPlan(ask, hasConfigDrive, inventory.Disks, target!, out var stale, out rejection)
                && Succeed(new DeployPlan(manifest, anchor, target, layout, stale), out plan);
        }
        return rejection is null && Succeed(new DeployPlan(manifest, anchor, Target: null), out plan);
    }

    /// <summary>Which disks a cleaning erases: the one that its hints mean, or all that can be written.</summary>
    public bool TryPlanCleaning(CleanNode ask, Inventory inventory, [NotNullWhen(true)] out Disk[]? disks, [NotNullWhen(false)] out Rejection? rejection)
    {
        disks = null;
        if (!TryTrust(out _, out rejection))
            return false;
        if (ask.Disk is { Any: true } hints)
        {
            if (!RootDevice.TryChoose(inventory.Disks, hints, out var one, out rejection))
                return false;
            disks = [one];
            return true;
        }
        disks = RootDevice.Writable(inventory.Disks);
        if (disks.Length == 0)
            rejection = new Rejection("The node has no disk that can be written.", "Look at its inventory: a storage controller may lack its driver in the ramdisk.");
        return rejection is null;
    }

    /// <summary>Whether the image may be written now, by the trust documents of now.</summary>
    public bool TryTrust(
        Digest manifestSha256,
        [NotNullWhen(true)] out ImageManifest? manifest,
        [NotNullWhen(true)] out TrustAnchor? anchor,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        manifest = null;
        if (!trust.TryGetForOrders(out anchor, out rejection))
            return false;
        if (database.Read(sql => ImageTable.Envelope(sql, manifestSha256)) is { } envelope)
            return anchor.TryOpenManifest(envelope, time.GetUtcNow(), out manifest, out _, out rejection);
        rejection = new Rejection($"The image with manifest {manifestSha256} is not in the catalogue any more.", "Add it again.");
        return false;
    }

    /// <summary>Whether agents would take an order of this conductor, by the trust documents of now.</summary>
    public bool TryTrust([NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection) => trust.TryGetForOrders(out anchor, out rejection);

    private static bool TryFit(ImagePredicate image, RootDeviceHints? hints, string node, Inventory inventory, [NotNullWhen(true)] out Disk? target, [NotNullWhen(false)] out Rejection? rejection)
    {
        target = null;
        if (image.Arch != inventory.Processor.Architecture)
            rejection = new Rejection($"Image {image.Name}:{image.Version} is for {image.Arch}; node {node} is {inventory.Processor.Architecture}.", "Choose another image.");
        else if (!RootDevice.TryChoose(inventory.Disks, hints, out target, out rejection))
            return false;
        else if (target.LogicalSectorBytes != image.Disk.SectorSize)
            rejection = new Rejection($"Image {image.Name}:{image.Version} is made for sectors of {image.Disk.SectorSize} bytes; disk {target.Name} of node {node} has {target.LogicalSectorBytes}.", "Its partition table would not be found: use an image made for such disks.");
        else if (target.SizeBytes < image.Disk.Size)
            rejection = new Rejection($"Image {image.Name}:{image.Version} has {image.Disk.Size} bytes; disk {target.Name} of node {node} has {target.SizeBytes}.", "Choose a larger disk or a smaller image.");
        return rejection is null;
    }

    // The agent would refuse it too, but only after the server has been restarted.
    private static bool TryLayOut(ImagePredicate image, DeployNode ask, bool hasConfigDrive, string node, Disk disk, out PlannedPartition[]? layout, [NotNullWhen(false)] out Rejection? rejection)
    {
        layout = null;
        rejection = null;
        if (image.Partition is not { } partition)
            return true;
        layout = [.. PartitionPlan.Of(partition.RootOffset, disk.SizeBytes, image.Disk.SectorSize, ask.SwapBytes ?? 0, hasConfigDrive).Select(part => new PlannedPartition(part.Name, part.Offset, part.Bytes))];
        var root = Array.Find(layout, part => part.Name == PartitionPlan.RootName)!;
        if (root.Bytes < partition.RootBytes)
        {
            rejection = new Rejection(
                $"Image {image.Name}:{image.Version} needs {partition.RootBytes} bytes for its root partition; on disk {disk.Name} of node {node} there are {Math.Max(0, root.Bytes)} beside {ask.SwapBytes ?? 0} bytes of swap{(hasConfigDrive ? " and the config drive" : "")}.",
                "Choose a larger disk, or less swap.");
        }
        return rejection is null;
    }

    private static bool Succeed(DeployPlan made, out DeployPlan plan)
    {
        plan = made;
        return true;
    }

    private static string Word(FirmwareMode firmware) => firmware.ToString().ToLowerInvariant();
}
