using Baremetal.Imaging.Formats;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// One write. First everything is checked that can be, and nothing is touched; then the ends are blanked; then the data; then the ends; then
/// LBA 0. Between these stand flushes: they are the only order that a disk knows.
/// </summary>
internal sealed class ImageWrite : IDisposable
{
    private readonly VerifiedImage _image;
    private readonly SourceMirrors _mirrors;
    private readonly IBlockTarget _target;
    private readonly WriteOptions _options;
    private readonly WriteProgress _progress;
    private readonly CancellationToken _cancellation;
    private CancellationTokenRegistration _onCancel;
    private Budget _budget = null!;
    private SourceCache? _cache;
    private SourceCursor? _tables;
    private IDiskImage _disk = null!;
    private ChunkWorkers? _workers;
    private DiskEnds? _ends;
    private bool[] _held = [];

    public ImageWrite(VerifiedImage image, SourceMirrors mirrors, IBlockTarget target, WriteOptions options, WriteProgress progress, CancellationToken cancellation)
    {
        _image = image;
        _mirrors = mirrors;
        _target = target;
        _options = options;
        _progress = progress;
        _cancellation = cancellation;
    }

    /// <summary>Whether the disk may no longer be what it was.</summary>
    public bool HasTouched { get; private set; }

    private DiskContent Content => _image.Manifest.Predicate.Disk;

    private ChunkLayout Chunks => _image.Disk.Layout;

    private int SectorSize => Content.SectorSize;

    /// <summary>All that can be checked before anything is touched.</summary>
    /// <returns>Why the image is refused, or null.</returns>
    public Rejection? Check()
    {
        _progress.Begin(WritePhase.Checking, 0);
        _progress.Cover(Chunks.Count);
        if (CheckTarget() is { } unfit)
            return unfit;
        var ends = DiskEnds.MostBytes(Chunks, _target.Size, _options.ConfigDrive?.Bytes.Length ?? 0);
        var limit = _options.MemoryLimit is { } bytes ? MemoryLimit.Of(bytes) : MemoryLimit.OfThisMachine(_image.Disk.Bytes.Length + _image.Source.Bytes.Length);
        if (!Budget.TryMake(limit, _image.Source.Layout, Chunks.ChunkSize, ends, out var budget, out var rejection))
            return rejection;
        _budget = budget;
        _cache = new SourceCache(_mirrors, _image.Source.Layout, _image.Source.Matches, _image.Source.IsZero, budget.CachedChunks, budget.Connections);
        _onCancel = _cancellation.Register(() => _cache.Fail(new OperationCanceledException()));
        _tables = new SourceCursor(_cache);
        if (_image.Manifest.Predicate.Source.Format == ImageFormat.Raw.Name)
            ReadTail(_tables);
        if (!DiskImages.TryOpen(_tables, budget.Tables, out var disk, out rejection))
            return rejection;
        _disk = disk;
        if (CheckFormat() is { } other)
            return other;
        _progress.Begin(WritePhase.Checking, disk.StoredTableBytes);
        if (disk.CheckTables(_progress.Done, _cancellation) is { } damaged)
            return damaged;
        if (!budget.TryFitWorkers(disk, Chunks.ChunkSize, _options.Cores ?? Environment.ProcessorCount, out var workers, out rejection))
            return rejection;
        _workers = new ChunkWorkers(workers, _cache, Chunks.ChunkSize, disk.MaxCompressedLength);
        return CheckEnds();
    }

    public void Run()
    {
        // Before the comparison, which may take longer than any permission lives: it is the beginning of the work, and is not begun in vain.
        Require(_options.LastCheck?.Invoke());
        _held = new bool[Chunks.Count];
        if (_options.Reuse)
            Compare();

        _cancellation.ThrowIfCancellationRequested();
        HasTouched = true;
        _ends!.Blank(_target);
        WriteChunks();
        _target.Flush();
        if (_options.ReadBack)
            ReadBack();

        _progress.Begin(WritePhase.Finishing, _ends.HeldBytes);
        Require(_ends.WriteAllButBootSector(_target, _workers!.First.Buffer));
        _cancellation.ThrowIfCancellationRequested();
        Require(_ends.WriteBootSector(_target, _workers.First.Buffer));
        _progress.Ended(_ends.Chunks, _ends.HeldBytes, _options.ReadBack);
        _target.Complete();
    }

    /// <summary>After a failure: whatever went wrong last, LBA 0 must not stay.</summary>
    public void KeepUnbootable()
    {
        try
        {
            _target.Zero(0, SectorSize);
            _target.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A disk that takes no more writes (or has made itself read-only) holds what it was blanked with before the data.
        }
    }

    public void Dispose()
    {
        _onCancel.Dispose();
        // First, so that no cursor is waited for.
        _cache?.Fail(new OperationCanceledException());
        _workers?.Dispose();
        _tables?.Dispose();
        _cache?.Dispose();
        _ends?.Dispose();
    }

    // What a raw image has at the disk's end, before its start is looked at: it stays in the cache, and a server that gives the file only whole is
    // then read to its end once for all that is checked, and from its start once more for the rest.
    private void ReadTail(SourceCursor source)
    {
        var first = Chunks.ChunkAt(Math.Min(Chunks.Size - 1, Math.Max(0, _target.Size - DiskEnds.TailLength)));
        var from = Math.Min(Chunks.OffsetOf(first), source.Layout.Size - 1);
        var length = (int)Math.Min(source.Layout.Size - from, 2 * Chunks.ChunkSize);
        source.Begin(source.Announce(from, length));
        for (var at = from; at < from + length; at += source.Layout.ChunkSize)
            _ = source.Peek(at, 1);
        source.End();
    }

    private Rejection? CheckTarget()
    {
        var name = _image.Manifest.Predicate.Name;
        if (Content.Size > _target.Size)
            return new Rejection($"Image {name} has a disk of {Content.Size} bytes; {_target.Name} has {_target.Size}.", "Choose a larger disk.");
        if (_target.SectorSize is { } sectors && sectors != SectorSize)
            return new Rejection($"Image {name} is made for sectors of {SectorSize} bytes; {_target.Name} has sectors of {sectors}, and its firmware would not find the partitions.", $"Choose another disk, or an image made for {sectors}.");
        if (_target.Size % SectorSize != 0)
            return new Rejection($"{_target.Name} has {_target.Size} bytes, which is no multiple of the sector size {SectorSize}.", "Make the file a whole number of sectors long.");
        return _options.ConfigDrive?.FirstFault();
    }

    private Rejection? CheckFormat()
    {
        var declared = _image.Manifest.Predicate.Source.Format;
        if (declared != _disk.Format)
            return new Rejection($"The manifest says that the image is {declared}, but it is {_disk.Format}.", "Sign it anew.");
        return _disk.DiskSize != Content.Size
            ? new Rejection($"The manifest says that the image's disk has {Content.Size} bytes, but it has {_disk.DiskSize}.", "Sign it anew.")
            : null;
    }

    private Rejection? CheckEnds()
    {
        using (var start = PlanOf([0]))
        {
            _ = start.TryTake(out var first);
            Fill(first, _workers!.First);
        }
        var bytes = _workers.First.Buffer[..Chunks.LengthOf(0)];
        if (!Gpt.TryRead(bytes, SectorSize, out var gpt, out var rejection))
            return rejection;
        List<DerivedWrite>? derived = [];
        if (_options.NeedsEfiSystem && gpt?.Partitions.Any(partition => partition.Type == GptEntry.EfiSystem) != true)
            return new Rejection($"Image {_image.Manifest.Predicate.Name} has no GPT with an EFI system partition, to which alone a boot entry of UEFI can be made.", "Choose an image that has one, or change the machine's firmware mode to BIOS.");
        if (gpt is null && _options.ConfigDrive is not null)
            return new Rejection("The image has no GPT, so there is no room for the config drive.", "Use an image with a GPT.");
        if (gpt is not null && !gpt.TryFit(_target.Size, _options.ConfigDrive, out derived, out rejection))
            return rejection;

        _ends = new DiskEnds(Chunks, _target.Size, SectorSize, derived);
        _ends.Hold(0, bytes);
        using var others = PlanOf(_ends.Chunks.Where(chunk => chunk != 0));
        while (others.TryTake(out var chunk))
        {
            Fill(chunk, _workers.First);
            _ends.Hold(chunk.Number, _workers.First.Buffer[..chunk.Length]);
            others.Return(chunk);
        }
        _ends.Seal();
        return null;
    }

    // What the disk holds already is neither fetched nor written. It is looked for before the plan is made, so that nothing is fetched in vain.
    private void Compare()
    {
        _progress.Begin(WritePhase.Comparing, DataChunks().Sum(chunk => (long)Chunks.LengthOf(chunk)));
        ForEach(DataChunks(), (chunk, worker) =>
        {
            var buffer = worker.Buffer[..Chunks.LengthOf(chunk)];
            _held[chunk] = TryReadDisk(chunk, buffer) && _image.Disk.Matches(chunk, buffer);
            if (_held[chunk])
                _progress.Reused(chunk, buffer.Length);
            _progress.Done(buffer.Length);
        });
    }

    // A sector that cannot be read may still be written, and many a disk replaces it then.
    private bool TryReadDisk(int chunk, Span<byte> buffer)
    {
        try
        {
            _target.Read(Chunks.OffsetOf(chunk), buffer);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    // A disk that zeros by itself does it while the data come; what is left of it then is for all. Another is written with zeros, which goes at
    // another speed than the image comes: before the data, since mixed nobody could say how long the rest takes.
    private void WriteChunks()
    {
        var changed = DataChunks().Where(chunk => !_held[chunk]);
        using var gaps = new ZeroGaps(changed.Where(_image.Disk.IsZero), Chunks, _target, _progress);
        var data = changed.Where(chunk => !_image.Disk.IsZero(chunk));
        if (_target.ZerosByItself)
            WriteData(data, () => ZeroNext(gaps));
        if (gaps.LeftBytes > 0)
        {
            _progress.Begin(WritePhase.Zeroing, gaps.LeftBytes);
            _workers!.Run(_ => ZeroNext(gaps));
        }
        if (!_target.ZerosByItself)
            WriteData(data, beside: null);
    }

    private bool ZeroNext(ZeroGaps gaps)
    {
        _cancellation.ThrowIfCancellationRequested();
        return gaps.TryZeroNext();
    }

    private void WriteData(IEnumerable<int> chunks, Func<bool>? beside)
    {
        _progress.Begin(WritePhase.Writing, chunks.Sum(chunk => (long)Chunks.LengthOf(chunk)));
        using var plan = PlanOf(chunks);
        try
        {
            _workers!.Run(worker =>
            {
                _cancellation.ThrowIfCancellationRequested();
                if (!plan.TryTake(out var chunk))
                    return false;
                Fill(chunk, worker);
                _target.Write(chunk.Offset, worker.Buffer[..chunk.Length]);
                _progress.Written(chunk.Number, chunk.Length);
                _progress.Done(chunk.Length);
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
        _progress.Begin(WritePhase.ReadingBack, DataChunks().Sum(chunk => (long)Chunks.LengthOf(chunk)));
        ForEach(DataChunks(), (chunk, worker) =>
        {
            var buffer = worker.Buffer[..Chunks.LengthOf(chunk)];
            _target.Read(Chunks.OffsetOf(chunk), buffer);
            if (!_image.Disk.Matches(chunk, buffer))
                throw new RejectedException(new Rejection($"{_target.Name} did not keep chunk {chunk} (byte {Chunks.OffsetOf(chunk)}).", "The disk is failing: replace it."));
            _progress.ReadBack(chunk);
            _progress.Done(buffer.Length);
        });
        Require(_ends!.ReadBackTail(_target, _workers!.First.Buffer));
    }

    private IEnumerable<int> DataChunks() => Enumerable.Range(0, Chunks.Count).Where(chunk => !_ends!.Chunks.Contains(chunk));

    private ChunkPlan PlanOf(IEnumerable<int> chunks) => new(_disk, _cache!, Chunks, chunks, _image.Disk.IsZero, 2 * _budget.CachedChunks);

    // The chunk's bytes, verified: from here on they may be written.
    private void Fill(PlannedChunk chunk, ChunkWorker worker)
    {
        var bytes = worker.Buffer[..chunk.Length];
        if (chunk.IsZero)
        {
            bytes.Clear();
            return;
        }
        Require(worker.Decoder.Fill(chunk, worker.Buffer));
        if (!_image.Disk.Matches(chunk.Number, bytes))
            throw new RejectedException(new Rejection($"Chunk {chunk.Number} of the disk (byte {chunk.Offset}) is not what was signed, though the image file is.", "The image was signed wrongly: sign it anew."));
    }

    private void ForEach<T>(IEnumerable<T> items, Action<T, ChunkWorker> action)
    {
        // Not a list of them: a disk has up to half a million chunks, and megabytes of numbers would be garbage for long.
        using var next = items.GetEnumerator();
        var gate = new Lock();
        _workers!.Run(worker =>
        {
            _cancellation.ThrowIfCancellationRequested();
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

    private static void Require(Rejection? rejection)
    {
        if (rejection is not null)
            throw new RejectedException(rejection);
    }
}
