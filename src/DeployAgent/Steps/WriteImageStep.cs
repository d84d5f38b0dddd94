using Baremetal.Api;
using Baremetal.DeployAgent.Inventory;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>write-image</c>: the manifest that the order names, the two indexes that the manifest names, then every chunk against them. Each link is
/// checked before the next is fetched, and all of them before the disk is touched.
/// </summary>
internal static class WriteImageStep
{
    private static readonly TimeSpan DrawEvery = TimeSpan.FromSeconds(1);

    public static async Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        var order = run.Order;
        var envelope = await run.Enrolled.Client.GetManifestAsync(order.ManifestSha256!.Value.ToString(), cancel);
        if (!run.Anchor.TryOpenManifest(envelope, run.Enrolled.Clock.Now, out var manifest, out var digest, out var rejection))
            return Refused(rejection);
        if (digest != order.ManifestSha256)
            return NotHad(new Rejection($"The conductor gave the manifest {digest}; the order names {order.ManifestSha256}."));
        var image = manifest.Predicate;
        if (Misfit(image, run.Machine) is { } misfit)
            return Refused(misfit);
        run.Console.Say($"Image {image.Name}:{image.Version} ({Quantity.Bytes(image.Source.Size)} {image.Source.Format}, {Quantity.Bytes(image.Disk.Size)} on disk) goes to {run.Disk.Name} ({run.Disk.Model ?? run.Disk.ByPath}).");

        var indexes = new byte[2][];
        foreach (var (i, (what, reference)) in new[] { ("disk", image.Disk.Index), ("source", image.Source.Index) }.Index())
        {
            (indexes[i], rejection) = await FetchIndexAsync(run, what, reference, cancel);
            if (rejection is not null)
                return NotHad(rejection);
        }
        if (!VerifiedImage.TryVerify(manifest, indexes[0], indexes[1], out var verified, out rejection))
            return Refused(rejection);
        var configDrive = order.ConfigDriveSha256 is { } drive ? new ConfigDrive(await run.Enrolled.Client.GetConfigDriveAsync(order.OrderId, cancel), drive) : null;
        return configDrive?.FirstFault() is { } fault ? NotHad(fault) : await WriteAsync(run, verified, configDrive, cancel);
    }

    private static async Task<StepEnd> WriteAsync(OrderRun run, VerifiedImage image, ConfigDrive? configDrive, CancellationToken cancel)
    {
        var (opened, rejection) = run.Machine.OpenDisk(run.Disk.Name);
        if (opened is null)
            return new StepEnd(rejection, Code: FailureCodes.DiskMissing);
        using var target = opened;
        var sources = run.Enrolled.Identity.Blobs.Select(blobs => new HttpSource(new Uri(blobs + image.Manifest.SourceDigest), run.Time)).ToArray();
        Rejection? expired = null;
        var options = new WriteOptions(
            Reuse: run.Order.Reuse,
            ConfigDrive: configDrive,
            Layout: run.Order.Layout is { } layout ? new PartitionLayout(layout.RootPartition, layout.SwapBytes, run.Order.OrderId) : null,
            Retries: RetryPolicy.Patient,
            // What 'set-boot-disk' would find missing when the old system is gone.
            NeedsEfiSystem: MachineInventory.FirmwareOf(run.Machine) == FirmwareMode.Uefi && Array.Exists(run.Order.Steps, step => step.Name == OrderSteps.SetBootDisk),
            LastCheck: () => expired = OrderCheck.Expired(run.Order, run.Question, run.Time));
        var progress = new WriteProgress();

        var write = Task.Factory.StartNew(() => ImageWriter.Write(image, sources, target, options, progress, run.Time, cancel), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var gauge = new WriteGauge(progress, run.Time);
        string? remark = null;
        while (!write.IsCompleted)
        {
            await Task.WhenAny(write, Task.Delay(DrawEvery, run.Time, CancellationToken.None));
            var now = gauge.Read();
            run.Tell(now);
            run.Console.Draw(now);
            if (progress.Remark is { } said && said != remark)
                run.Console.Say(remark = said);
        }

        var outcome = await write;
        var figures = outcome.Figures;
        foreach (var dropped in figures.DroppedSources)
            run.Console.Say($"Source dropped: {dropped}");
        if (outcome.Status == WriteStatus.Written)
            run.Console.Say($"Written and verified in {Quantity.Time(figures.Elapsed)}: {Quantity.Bytes(figures.WireBytes)} over the network, {Quantity.Bytes(figures.WrittenBytes)} written, {Quantity.Bytes(figures.ZeroedBytes)} zeroed, {Quantity.Bytes(figures.ReusedBytes)} were there; peak memory {Quantity.Bytes(figures.PeakMemoryBytes)}.");
        if (expired is not null)
            return new StepEnd(Expired: expired);
        return new StepEnd(
            outcome.Status == WriteStatus.Written ? null : outcome.Reason,
            new WriteResult(figures.WireBytes, figures.WrittenBytes, figures.ZeroedBytes, figures.ReusedBytes, figures.Elapsed.TotalSeconds, figures.PeakMemoryBytes, [.. figures.DroppedSources]),
            Code: outcome.Fault switch
            {
                WriteFault.Image => FailureCodes.ImageRefused,
                WriteFault.Source => FailureCodes.SourceFailed,
                WriteFault.Disk => FailureCodes.DiskFailed,
                WriteFault.Program => FailureCodes.AgentFailed,
                _ => null,
            });
    }

    private static StepEnd NotHad(Rejection rejection) => new(rejection, Code: FailureCodes.SourceFailed);

    private static StepEnd Refused(Rejection rejection) => new(rejection, Code: FailureCodes.ImageRefused);

    // No more than the signed size is taken from servers that nobody needs to trust.
    private static Task<(byte[] Bytes, Rejection? Rejection)> FetchIndexAsync(OrderRun run, string what, IndexReference index, CancellationToken cancel) =>
        Task.Factory.StartNew(
            () => Blobs.TryFetch(index.Sha256, index.Size, run.Enrolled.Identity.Blobs, RetryPolicy.Patient, run.Time, out var bytes, out var rejection, cancel)
                ? (bytes, null)
                : (Array.Empty<byte>(), new Rejection($"The {what} index {index.Sha256} cannot be had: {rejection.Cause}", rejection.Remedy)),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Rejection? Misfit(ImagePredicate image, Machine machine)
    {
        var firmware = MachineInventory.FirmwareOf(machine) == FirmwareMode.Uefi ? "uefi" : "bios";
        if (image.Arch != MachineInventory.Architecture)
            return new Rejection($"Image {image.Name}:{image.Version} is for {image.Arch}; this machine is {MachineInventory.Architecture}.", "Choose another image.");
        return image.Firmware.Contains(firmware) ? null : new Rejection(
            $"Image {image.Name}:{image.Version} boots under {(image.Firmware.Length == 0 ? "nobody knows which firmware" : string.Join(" and ", image.Firmware))}; this machine has {firmware}.",
            "Choose another image, or change the machine's firmware mode.");
    }
}
