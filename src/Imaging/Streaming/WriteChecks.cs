using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Formats;
using Baremetal.Imaging.PartitionTables;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// All that can be checked before anything is touched. What is opened and read for it is what the write goes on with; it is held here, and
/// given up here however the write ends.
/// </summary>
internal sealed class WriteChecks : IDisposable
{
    private readonly VerifiedImage _image;
    private readonly SourceMirrors _mirrors;
    private readonly IBlockTarget _target;
    private readonly WriteOptions _options;
    private readonly WriteProgress _progress;
    private readonly CancellationToken _cancellation;
    private CancellationTokenRegistration _onCancel;
    private SourceCache? _cache;
    private SourceCursor? _tables;
    private ChunkWorkers? _workers;
    private DiskEnds? _ends;

    public WriteChecks(VerifiedImage image, SourceMirrors mirrors, IBlockTarget target, WriteOptions options, WriteProgress progress, CancellationToken cancellation)
    {
        _image = image;
        _mirrors = mirrors;
        _target = target;
        _options = options;
        _progress = progress;
        _cancellation = cancellation;
    }

    private DiskContent Content => _image.Manifest.Predicate.Disk;

    private ChunkLayout Chunks => _image.Disk.Layout;

    private int SectorSize => Content.SectorSize;

    /// <param name="write">The write, which may begin now.</param>
    /// <param name="rejection">Why the image is refused.</param>
    public bool TryPass([NotNullWhen(true)] out ImageWrite? write, [NotNullWhen(false)] out Rejection? rejection)
    {
        write = null;
        _progress.Begin(WritePhase.Checking, 0);
        _progress.Cover(Chunks.Count);
        if ((rejection = CheckTarget()) is not null || !TryMakeBudget(out var budget, out rejection))
            return false;

        _cache = new SourceCache(_mirrors, _image.Source.Layout, _image.Source.Matches, _image.Source.IsZero, budget.CachedChunks, budget.Connections);
        _onCancel = _cancellation.Register(() => _cache.Fail(new OperationCanceledException()));
        _tables = new SourceCursor(_cache);
        if (_image.Manifest.Predicate.Source.Format == ImageFormat.Raw.Name)
            ReadTail(_tables);
        if (!DiskImages.TryOpen(_tables, budget.Tables, out var disk, out rejection) || (rejection = CheckFormat(disk)) is not null)
            return false;
        _progress.Begin(WritePhase.Checking, disk.StoredTableBytes);
        if ((rejection = disk.CheckTables(_progress.Done, _cancellation)) is not null
            || !budget.TryFitWorkers(disk, Chunks.ChunkSize, _options.Cores ?? Environment.ProcessorCount, out var workers, out rejection))
            return false;

        _workers = new ChunkWorkers(workers, _cache, Chunks.ChunkSize, disk.MaxCompressedLength);
        var chunks = new VerifiedChunks(_image, disk, _cache, 2 * budget.CachedChunks);
        if (!TryHoldEnds(chunks, _workers.First, out rejection))
            return false;
        write = new ImageWrite(_image, chunks, _workers, _ends, _target, _options, _progress, _cancellation);
        return true;
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

    private bool TryMakeBudget([NotNullWhen(true)] out Budget? budget, [NotNullWhen(false)] out Rejection? rejection)
    {
        var ends = DiskEnds.MostBytes(Chunks, _target.Size, _options.ConfigDrive?.Bytes.Length ?? 0, _options.Layout is { SwapBytes: > 0 });
        var limit = _options.MemoryLimit is { } bytes ? MemoryLimit.Of(bytes) : MemoryLimit.OfThisMachine(_image.Disk.Bytes.Length + _image.Source.Bytes.Length);
        return Budget.TryMake(limit, _image.Source.Layout, Chunks.ChunkSize, ends, out budget, out rejection);
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

    private Rejection? CheckFormat(IDiskImage disk)
    {
        var declared = _image.Manifest.Predicate.Source.Format;
        if (declared != disk.Format)
            return new Rejection($"The manifest says that the image is {declared}, but it is {disk.Format}.", "Sign it anew.");
        return disk.DiskSize != Content.Size
            ? new Rejection($"The manifest says that the image's disk has {Content.Size} bytes, but it has {disk.DiskSize}.", "Sign it anew.")
            : null;
    }

    // The ends are held from here on until they are written, last of all.
    [MemberNotNullWhen(true, nameof(_ends))]
    private bool TryHoldEnds(VerifiedChunks chunks, ChunkWorker worker, [NotNullWhen(false)] out Rejection? rejection)
    {
        using (var start = chunks.PlanOf([0]))
        {
            _ = start.TryTake(out var first);
            chunks.Fill(first, worker);
        }
        var bytes = worker.Buffer[..Chunks.LengthOf(0)];
        if (!TryDerive(bytes, out var derived, out rejection))
            return false;

        _ends = new DiskEnds(Chunks, _target.Size, SectorSize, derived);
        _ends.Hold(0, bytes);
        using var others = chunks.PlanOf(_ends.Chunks.Where(chunk => chunk != 0));
        while (others.TryTake(out var chunk))
        {
            chunks.Fill(chunk, worker);
            _ends.Hold(chunk.Number, worker.Buffer[..chunk.Length]);
            others.Return(chunk);
        }
        _ends.Seal();
        return true;
    }

    // What is written besides the image, by the partition table in its first chunk.
    private bool TryDerive(ReadOnlySpan<byte> start, [NotNullWhen(true)] out List<DerivedWrite>? derived, [NotNullWhen(false)] out Rejection? rejection)
    {
        derived = null;
        if (!Gpt.TryRead(start, SectorSize, out var gpt, out rejection))
            return false;
        if (_options.NeedsEfiSystem && gpt?.Partitions.Any(partition => partition.Type == GptEntry.EfiSystem) != true)
            rejection = new Rejection($"Image {_image.Manifest.Predicate.Name} has no GPT with an EFI system partition, to which alone a boot entry of UEFI can be made.", "Choose an image that has one, or change the machine's firmware mode to BIOS.");
        else if (_options.Layout is not null && gpt is null)
            rejection = new Rejection($"Image {_image.Manifest.Predicate.Name} has no GPT that could be laid out as the order says.", "Sign the image anew.");
        if (rejection is not null)
            return false;
        if (gpt is not null)
            return gpt.TryFit(_target.Size, _options.ConfigDrive, _options.Layout, out derived, out rejection);
        if (_options.ConfigDrive is { } drive)
            return MbrDrive.TryFit(start, SectorSize, _target.Size, drive, out derived, out rejection);
        derived = [];
        return true;
    }
}
