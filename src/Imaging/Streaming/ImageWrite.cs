using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// One write, of what <see cref="WriteChecks"/> has passed. First the ends are blanked; then the data; then the ends; then LBA 0. Between these
/// stand flushes: they are the only order that a disk knows.
/// </summary>
internal sealed class ImageWrite(
    VerifiedImage image,
    VerifiedChunks verified,
    ChunkWorkers workers,
    DiskEnds ends,
    IBlockTarget target,
    WriteOptions options,
    WriteProgress progress,
    CancellationToken cancellation)
{
    private readonly bool[] _held = new bool[image.Disk.Layout.Count];

    /// <summary>Whether the disk may no longer be what it was.</summary>
    public bool HasTouched { get; private set; }

    private ChunkLayout Layout => image.Disk.Layout;

    public void Run()
    {
        // Before the comparison, which may take longer than any permission lives: it is the beginning of the work, and is not begun in vain.
        Require(options.LastCheck?.Invoke(), WriteFault.Cancelled);
        if (options.Reuse)
            Compare();

        cancellation.ThrowIfCancellationRequested();
        HasTouched = true;
        ends.Blank(target);
        WriteChunks();
        target.Flush();
        if (options.ReadBack)
            ReadBack();

        progress.Begin(WritePhase.Finishing, ends.HeldBytes);
        Require(ends.WriteAllButBootSector(target, workers.First.Buffer), WriteFault.Disk);
        cancellation.ThrowIfCancellationRequested();
        Require(ends.WriteBootSector(target, workers.First.Buffer), WriteFault.Disk);
        progress.Ended(ends.Chunks, ends.HeldBytes, options.ReadBack);
        target.Complete();
    }

    /// <summary>After a failure: whatever went wrong last, LBA 0 must not stay.</summary>
    public void KeepUnbootable()
    {
        try
        {
            target.Zero(0, image.Manifest.Predicate.Disk.SectorSize);
            target.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A disk that takes no more writes (or has made itself read-only) holds what it was blanked with before the data.
        }
    }

    // What the disk holds already is neither fetched nor written. It is looked for before the plan is made, so that nothing is fetched in vain.
    private void Compare()
    {
        progress.Begin(WritePhase.Comparing, DataChunks().Sum(chunk => (long)Layout.LengthOf(chunk)));
        ForEach(DataChunks(), (chunk, worker) =>
        {
            var buffer = worker.Buffer[..Layout.LengthOf(chunk)];
            _held[chunk] = TryReadDisk(chunk, buffer) && image.Disk.Matches(chunk, buffer);
            if (_held[chunk])
                progress.Reused(chunk, buffer.Length);
            progress.Done(buffer.Length);
        });
    }

    // A sector that cannot be read may still be written, and many a disk replaces it then.
    private bool TryReadDisk(int chunk, Span<byte> buffer)
    {
        try
        {
            target.Read(Layout.OffsetOf(chunk), buffer);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    // Zeros need no network: a disk that can do both at once is zeroed while the data come, and what is left of it then is for all.
    // One with a head would lose more by moving it to and fro: its zeros are written before the data.
    private void WriteChunks()
    {
        var changed = DataChunks().Where(chunk => !_held[chunk]);
        using var gaps = new ZeroGaps(changed.Where(image.Disk.IsZero), Layout, target, progress);
        var data = changed.Where(chunk => !image.Disk.IsZero(chunk));
        if (target.ZerosBesideData)
            WriteData(data, () => ZeroNext(gaps));
        if (gaps.LeftBytes > 0)
        {
            progress.Begin(WritePhase.Zeroing, gaps.LeftBytes);
            workers.Run(_ => ZeroNext(gaps));
        }
        if (!target.ZerosBesideData)
            WriteData(data, beside: null);
    }

    private bool ZeroNext(ZeroGaps gaps)
    {
        cancellation.ThrowIfCancellationRequested();
        return gaps.TryZeroNext();
    }

    private void WriteData(IEnumerable<int> chunks, Func<bool>? beside)
    {
        progress.Begin(WritePhase.Writing, chunks.Sum(chunk => (long)Layout.LengthOf(chunk)));
        using var plan = verified.PlanOf(chunks);
        try
        {
            workers.Run(worker =>
            {
                cancellation.ThrowIfCancellationRequested();
                if (!plan.TryTake(out var chunk))
                    return false;
                verified.Fill(chunk, worker);
                target.Write(chunk.Offset, worker.Buffer[..chunk.Length]);
                progress.Written(chunk.Number, chunk.Length);
                progress.Done(chunk.Length);
                plan.Return(chunk);
                return true;
            }, beside);
        }
        finally
        {
            plan.End();
        }
    }

    private void ReadBack()
    {
        progress.Begin(WritePhase.ReadingBack, DataChunks().Sum(chunk => (long)Layout.LengthOf(chunk)));
        ForEach(DataChunks(), (chunk, worker) =>
        {
            var buffer = worker.Buffer[..Layout.LengthOf(chunk)];
            target.Read(Layout.OffsetOf(chunk), buffer);
            if (!image.Disk.Matches(chunk, buffer))
                throw new RejectedException(new Rejection($"{target.Name} did not keep chunk {chunk} (byte {Layout.OffsetOf(chunk)}).", "The disk is failing: replace it."), WriteFault.Disk);
            progress.ReadBack(chunk);
            progress.Done(buffer.Length);
        });
        Require(ends.ReadBackTail(target, workers.First.Buffer), WriteFault.Disk);
    }

    private IEnumerable<int> DataChunks() => Enumerable.Range(0, Layout.Count).Where(chunk => !ends.Chunks.Contains(chunk));

    private void ForEach<T>(IEnumerable<T> items, Action<T, ChunkWorker> action)
    {
        // Not a list of them: a disk has up to half a million chunks, and megabytes of numbers would be garbage for long.
        using var next = items.GetEnumerator();
        var gate = new Lock();
        workers.Run(worker =>
        {
            cancellation.ThrowIfCancellationRequested();
            T item;
            lock (gate)
            {
                if (!next.MoveNext())
                    return false;
                item = next.Current;
            }
            action(item, worker);
            return true;
        });
    }

    private static void Require(Rejection? rejection, WriteFault fault)
    {
        if (rejection is not null)
            throw new RejectedException(rejection, fault);
    }
}
