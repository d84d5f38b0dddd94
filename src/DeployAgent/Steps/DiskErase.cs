using Baremetal.Api;
using Baremetal.DeployAgent.Orders;
using Baremetal.Imaging.Erasing;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.DeployAgent.Steps;

/// <summary>One disk of an order to erase, opened. One thread erases it, another reads how far it is.</summary>
/// <param name="depths">The first of them by which it is erased whole, in their order.</param>
/// <param name="isDone">By an earlier start of the agent, as the order says.</param>
internal sealed class DiskErase(OrderRun run, Disk disk, IBlockTarget target, EraseDepth[] depths, bool isDone) : IDisposable
{
    private readonly WriteProgress _progress = new();
    private readonly Lock _gate = new();
    private WriteGauge? _gauge;
    // What of it is to be erased is not looked at before its turn comes.
    private long _toErase = depths[0] == EraseDepth.Metadata ? 0 : target.Size;
    private long? _silentSince;

    /// <summary>How far it is now.</summary>
    /// <param name="erased">Bytes that are through.</param>
    /// <param name="toErase">Of this many: what is read again is so little that it is not counted in.</param>
    /// <param name="silence">What is left of the time in which the disk need not tell how far it is; null if it tells.</param>
    public DiskProgress Progress(out long erased, out long toErase, out TimeSpan? silence)
    {
        lock (_gate)
        {
            _silentSince = _progress.MayBeSilent is null ? null : _silentSince ?? run.Time.GetTimestamp();
            silence = _silentSince is { } since ? _progress.MayBeSilent - run.Time.GetElapsedTime(since) : null;
            if (_gauge?.Read() is not { } now)
            {
                (erased, toErase) = (0, _toErase);
                return new DiskProgress(disk.Name, 0, _toErase, 0);
            }
            var isErasing = now.Phase is ProgressPhase.Zeroing or ProgressPhase.Erasing;
            if (isErasing)
                _toErase = now.TotalBytes;
            toErase = _toErase;
            erased = isErasing ? now.DoneBytes : now.Phase == ProgressPhase.ReadingBack ? _toErase : 0;
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
        if (isDone && DiskEraser.IsErased(target, disk.LogicalSectorBytes, depths[0], _progress, cancel))
        {
            run.Console.Say($"{what} was erased before the agent was started again, and its samples read as zeros.");
            return null;
        }
        string? fellBack = null;
        for (var i = 0; ; i++)
        {
            var erasure = Erase(what, depths[i], cancel);
            if (erasure.FirstFailure is null)
                return Report(disk, target.Size, erasure, null, erasure.Method ?? Word(depths[i]), fellBack);
            var failure = erasure.FirstFailure.TrimEnd('.');
            if (i == depths.Length - 1)
                return Report(disk, target.Size, erasure, $"{erasure.FailedBytes} bytes are left: {failure}", null, fellBack);
            fellBack = $"{fellBack}{(fellBack is null ? "" : "; ")}{Word(depths[i])}: {failure}";
        }
    }

    private Erasure Erase(string what, EraseDepth depth, CancellationToken cancel)
    {
        run.Console.Say($"Erasing {what} by {Word(depth)}.");
        var began = run.Time.GetTimestamp();
        var erasure = Unreachable(depth) is { } why ? new Erasure(0, target.Size, why, 0) : DiskEraser.Erase(target, disk.LogicalSectorBytes, depth, _progress, run.Time, cancel);
        run.Console.Say($"{disk.Name}: {Quantity.Bytes(erasure.ErasedBytes)} erased{(erasure.Method is { } method ? $" by {method}" : "")} in {Quantity.Time(run.Time.GetElapsedTime(began))}, {erasure.Samples} samples read{(erasure.FirstFailure is { } first ? $"; {Quantity.Bytes(erasure.FailedBytes)} not ({first})" : "")}.");
        return erasure;
    }

    // A bridge may pass on the command that sets a password, and not the one that erases.
    private string? Unreachable(EraseDepth depth) => depth == EraseDepth.Secure && disk.Bus == "usb" ? "it is behind a USB bridge, which need not pass its commands on: attach it otherwise" : null;

    /// <summary>A disk that could not be opened, and so was not touched.</summary>
    public static ErasedDisk Unopened(Disk disk, string why) => Report(disk, disk.SizeBytes, new Erasure(0, disk.SizeBytes, null, 0), why.TrimEnd('.'), null, null);

    public void Dispose() => target.Dispose();

    private static ErasedDisk Report(Disk disk, long size, Erasure erasure, string? failure, string? method, string? fellBack) =>
        new(disk.Name, disk.Serial, size, erasure.ErasedBytes, erasure.FailedBytes, erasure.Samples, failure, disk.Wwn, disk.ByPath, method, fellBack);

    private static string Word(EraseDepth depth) => depth.ToString().ToLowerInvariant();
}
