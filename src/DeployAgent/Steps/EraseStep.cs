using Baremetal.Api;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.Erasing;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>erase</c>: the disks that the order names, some at a time. All are opened before the first is touched; one that is in use or fails is
/// reported, and holds none of the others up. Each is reported as it ends, so that the agent's next start need not erase it again.
/// </summary>
internal static class EraseStep
{
    private static readonly TimeSpan DrawEvery = TimeSpan.FromSeconds(1);

    // More do not fit through most controllers, and every one is a thread.
    private const int MostAtOnce = 8;

    /// <summary>The first depth of an order that this agent does not know; null if it knows all.</summary>
    public static string? FirstUnknown(EraseOrder erase) => Array.Find(DepthsOf(erase), word => DepthOf(word) is null);

    public static async Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        var order = run.Order.Erase!;
        var depths = Array.ConvertAll(DepthsOf(order), word => DepthOf(word)!.Value);
        var (opened, report) = (new List<DiskErase>(), new List<ErasedDisk>());
        try
        {
            foreach (var (disk, ordered) in run.Disks.Zip(order.Disks))
            {
                var (target, rejection) = run.Machine.OpenDisk(disk.Name);
                if (target is not null)
                    opened.Add(new DiskErase(run, disk, target, depths, order.Done?.Contains(ordered) == true));
                else
                    report.Add(DiskErase.Unopened(disk, rejection!.Cause));
            }
            if (OrderCheck.Expired(run.Order, run.Question, run.Time) is { } expired)
                return new StepEnd(Expired: expired);

            var erasing = EraseAllAsync(run, opened, cancel);
            while (!erasing.IsCompleted)
            {
                await Task.WhenAny(erasing, Task.Delay(DrawEvery, run.Time, CancellationToken.None));
                var now = Sum(opened);
                run.Tell(now);
                run.Console.Draw(now);
            }
            report.AddRange(await erasing);
            return new StepEnd(Failure(report, depths, run.Disks.Count), Erased: [.. report]);
        }
        finally
        {
            opened.ForEach(erase => erase.Dispose());
        }
    }

    // Whoever cannot go on stops the others: a disk must not be written to when nobody waits for it any more.
    private static async Task<ErasedDisk[]> EraseAllAsync(OrderRun run, List<DiskErase> disks, CancellationToken cancel)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var places = new SemaphoreSlim(MostAtOnce);
        var reports = await Task.WhenAll(disks.Select(async disk =>
        {
            try
            {
                await places.WaitAsync(either.Token);
                var report = await Task.Factory.StartNew(() => disk.Run(either.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                places.Release();
                if (report is not null)
                    await OrderRun.ReportAsync(run.Enrolled.Client, run.Order.OrderId, run.Question, OrderSteps.Erase, StepOutcome.Started, null, null, either.Token, [report]);
                return report;
            }
            catch
            {
                await either.CancelAsync();
                throw;
            }
        }));
        return [.. reports.OfType<ErasedDisk>()];
    }

    private static Progress Sum(List<DiskErase> erases)
    {
        var (done, total) = (0L, 0L);
        TimeSpan? silence = null;
        var disks = erases.ConvertAll(erase =>
        {
            var progress = erase.Progress(out var erased, out var toErase, out var itsSilence);
            (done, total) = (done + erased, total + toErase);
            silence = itsSilence is null || silence > itsSilence ? silence : itsSilence;
            return progress;
        });
        var sum = disks is [var one]
            ? new Progress(one.DoneBytes, one.TotalBytes, 0, one.BytesPerSecond, one.Phase)
            : new Progress(done, total, 0, disks.Sum(disk => disk.Phase is ProgressPhase.Zeroing or ProgressPhase.Erasing ? disk.BytesPerSecond : 0), ProgressPhase.Zeroing, Disks: [.. disks]);
        return sum with { SilentSeconds = silence is { } left ? Math.Max(0, (long)left.TotalSeconds) : 0 };
    }

    private static Rejection? Failure(List<ErasedDisk> report, EraseDepth[] depths, int disks)
    {
        var failed = report.FindAll(disk => disk.Failure is not null);
        return failed.Count == 0 ? null : new Rejection(
            $"{(disks == 1 ? "The disk was" : $"{failed.Count} of {disks} disks {(failed.Count == 1 ? "was" : "were")}")} not erased whole: {string.Join("; ", failed.Select(disk => $"{disk.Name} (serial {disk.Serial ?? "unknown"}), {disk.Failure}"))}.",
            $"A disk that is in use must be let go, and one that fails replaced, and destroyed if its data matter; then clean the node again.{(depths is [EraseDepth.Secure] ? " What cannot erase itself can be zeroed: --depth secure,zero." : "")}");
    }

    private static string[] DepthsOf(EraseOrder erase) => [erase.Depth, .. erase.Fallback ?? []];

    private static EraseDepth? DepthOf(string word) => word switch
    {
        "metadata" => EraseDepth.Metadata,
        "discard" => EraseDepth.Discard,
        "secure" => EraseDepth.Secure,
        "zero" => EraseDepth.Zero,
        _ => null,
    };
}
