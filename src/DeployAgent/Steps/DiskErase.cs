using Baremetal.Api;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.Erasing;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.DeployAgent.Steps;

/// <summary>One disk of an order to erase, opened. One thread erases it, another reads how far it is.</summary>
/// <param name="isDone">By an earlier start of the agent, as the order says.</param>
internal sealed class DiskErase(OrderRun run, Disk disk, IBlockTarget target, EraseDepth depth, bool isDone) : IDisposable
{
    private readonly WriteProgress _progress = new();
    private readonly Lock _gate = new();
    private WriteGauge? _gauge;
    // What of it is to be erased is not looked at before its turn comes.
    private long _toErase = depth == EraseDepth.Metadata ? 0 : target.Size;

    /// <summary>How far it is now.</summary>
    /// <param name="erased">Bytes that are through.</param>
    /// <param name="toErase">Of this many: what is read again is so little that it is not counted in.</param>
    public DiskProgress Progress(out long erased, out long toErase)
    {
        lock (_gate)
        {
            if (_gauge?.Read() is not { } now)
            {
                (erased, toErase) = (0, _toErase);
                return new DiskProgress(disk.Name, 0, _toErase, 0);
            }
            if (now.Phase == ProgressPhase.Zeroing)
                _toErase = now.TotalBytes;
            toErase = _toErase;
            erased = now.Phase == ProgressPhase.Zeroing ? now.DoneBytes : now.Phase == ProgressPhase.ReadingBack ? _toErase : 0;
            return new DiskProgress(disk.Name, now.DoneBytes, now.TotalBytes, now.BytesPerSecond, now.Phase);
        }
    }

    /// <summary>Erases it, and reads samples of it again. Blocks; throws only when it is cancelled.</summary>
    /// <returns>Null if it was found erased, as its report of then says.</returns>
    public ErasedDisk? Run(CancellationToken cancel)
    {
        lock (_gate)
            _gauge = new WriteGauge(_progress, run.Time);
        var what = $"{disk.Name} ({disk.Model ?? disk.ByPath}, {Quantity.Bytes(target.Size)})";
        if (isDone && DiskEraser.IsErased(target, disk.LogicalSectorBytes, depth, _progress, cancel))
        {
            run.Console.Say($"{what} was erased before the agent was started again, and its samples read as zeros.");
            return null;
        }
        run.Console.Say($"Erasing {what} by {depth.ToString().ToLowerInvariant()}.");
        var began = run.Time.GetTimestamp();
        var erasure = DiskEraser.Erase(target, disk.LogicalSectorBytes, depth, _progress, cancel);
        run.Console.Say($"{disk.Name}: {Quantity.Bytes(erasure.ErasedBytes)} erased in {Quantity.Time(run.Time.GetElapsedTime(began))}, {erasure.Samples} samples read{(erasure.FirstFailure is { } first ? $"; {Quantity.Bytes(erasure.FailedBytes)} not ({first})" : "")}.");
        return Report(disk, target.Size, erasure, erasure.FirstFailure is { } failure ? $"{erasure.FailedBytes} bytes are left: {failure.TrimEnd('.')}" : null);
    }

    /// <summary>A disk that could not be opened, and so was not touched.</summary>
    public static ErasedDisk Unopened(Disk disk, string why) => Report(disk, disk.SizeBytes, new Erasure(0, disk.SizeBytes, null, 0), why.TrimEnd('.'));

    public void Dispose() => target.Dispose();

    private static ErasedDisk Report(Disk disk, long size, Erasure erasure, string? failure) =>
        new(disk.Name, disk.Serial, size, erasure.ErasedBytes, erasure.FailedBytes, erasure.Samples, failure, disk.Wwn, disk.ByPath);
}
