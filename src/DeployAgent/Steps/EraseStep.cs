using Baremetal.Api;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.Erasing;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>erase</c>: the disks that the order names, one after the other. All are opened, and so in nobody else's use, before the first is touched.
/// Begun anew after a restart: a disk that is erased twice is erased.
/// </summary>
internal static class EraseStep
{
    private static readonly TimeSpan DrawEvery = TimeSpan.FromSeconds(1);

    public static bool Knows(string depth) => DepthOf(depth) is not null;

    public static async Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        var depth = DepthOf(run.Order.Erase!.Depth)!.Value;
        var opened = new List<IBlockTarget>();
        try
        {
            foreach (var disk in run.Disks)
            {
                var (target, rejection) = run.Machine.OpenDisk(disk.Name);
                if (target is null)
                    return new StepEnd(rejection);
                opened.Add(target);
            }
            if (OrderCheck.Expired(run.Order, run.Question, run.Time) is { } expired)
                return new StepEnd(Expired: expired);

            var report = new List<ErasedDisk>();
            string? failure = null;
            foreach (var (disk, target) in run.Disks.Zip(opened))
            {
                var erasure = await EraseAsync(run, disk, target, depth, cancel);
                report.Add(new ErasedDisk(disk.Name, disk.Serial, target.Size, erasure.ErasedBytes, erasure.FailedBytes, erasure.Samples));
                run.Console.Say($"{disk.Name}: {Quantity.Bytes(erasure.ErasedBytes)} erased, {erasure.Samples} samples read as zeros{(erasure.FirstFailure is { } first ? $"; {Quantity.Bytes(erasure.FailedBytes)} not ({first})" : "")}.");
                failure ??= erasure.FirstFailure is { } what ? $"{disk.Name} (serial {disk.Serial ?? "unknown"}) was not erased whole, {erasure.FailedBytes} bytes are left: {what.TrimEnd('.')}." : null;
            }
            return new StepEnd(failure is null ? null : new Rejection(failure, "The disk is failing: replace it, and destroy it if its data matter."), Erased: [.. report]);
        }
        finally
        {
            opened.ForEach(target => target.Dispose());
        }
    }

    private static async Task<Erasure> EraseAsync(OrderRun run, Disk disk, IBlockTarget target, EraseDepth depth, CancellationToken cancel)
    {
        run.Console.Say($"Erasing {disk.Name} ({disk.Model ?? disk.ByPath}, {Quantity.Bytes(target.Size)}) by {depth.ToString().ToLowerInvariant()}.");
        var progress = new WriteProgress();
        var gauge = new WriteGauge(progress, run.Time);
        var erase = Task.Factory.StartNew(() => DiskEraser.Erase(target, disk.LogicalSectorBytes, depth, progress, cancel), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (!erase.IsCompleted)
        {
            await Task.WhenAny(erase, Task.Delay(DrawEvery, run.Time, CancellationToken.None));
            var now = gauge.Read();
            run.Tell(now);
            run.Console.Draw(now);
        }
        return await erase;
    }

    private static EraseDepth? DepthOf(string word) => word switch
    {
        "metadata" => EraseDepth.Metadata,
        "zero" => EraseDepth.Zero,
        _ => null,
    };
}
