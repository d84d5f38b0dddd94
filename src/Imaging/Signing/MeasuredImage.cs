using System.Security.Cryptography;
using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Inspection;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Imaging.Signing;

/// <summary>
/// An image file with the digests of all its chunks, as stored and as decoded: what a manifest says, before anybody signs it. The bytes are
/// hashed here, on the signer's own machine; digests that somebody else supplies are never signed.
/// </summary>
public sealed class MeasuredImage
{
    private MeasuredImage(string format, string compression, DiskLayout layout, ChunkIndex disk, Digest diskDigest, ChunkIndex source, Digest sourceDigest, double sourceReads)
    {
        Format = format;
        Compression = compression;
        Layout = layout;
        Disk = disk;
        DiskDigest = diskDigest;
        Source = source;
        SourceDigest = sourceDigest;
        SourceReads = sourceReads;
    }

    public string Format { get; }

    public string Compression { get; }

    public DiskLayout Layout { get; }

    public ChunkIndex Disk { get; }

    /// <summary>SHA-256 of the whole decoded disk.</summary>
    public Digest DiskDigest { get; }

    public ChunkIndex Source { get; }

    /// <summary>SHA-256 of the whole file.</summary>
    public Digest SourceDigest { get; }

    /// <summary>What a write reads of the file, by its size: 1 if it is read once, more if its clusters lie scattered.</summary>
    public double SourceReads { get; }

    /// <summary>Reads the whole file and decodes the whole disk. Throws <see cref="IOException"/> if the file cannot be read.</summary>
    /// <param name="path">The image file.</param>
    /// <param name="progress">Told the bytes of disk that are done and their sum.</param>
    /// <param name="cancellation">Ends it.</param>
    public static (MeasuredImage? Image, Rejection? Rejection) Measure(string path, Action<long, long>? progress, CancellationToken cancellation)
    {
        var digests = new ChunkDigests(ChunkLayout.ForSource(OpenedImage.LengthOf(path)));
        using var opened = OpenedImage.Open(path, digests.Admit, cancellation);
        if (opened.Rejection is not null)
            return (null, opened.Rejection);
        var (layout, rejection) = opened.ReadLayout();
        if (layout is null)
            return (null, rejection);
        var image = opened.Image;
        if (opened.CheckSectors(layout) is { } uneven)
            return (null, uneven);

        using var stopped = cancellation.Register(() => opened.Cache.Fail(new OperationCanceledException()));
        var whole = Task.Factory.StartNew(() => digests.ReadAll(path, cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var disk = new ChunkDigests(ChunkLayout.ForDisk(image.DiskSize));
        try
        {
            var diskDigest = Decode(opened, disk, progress, cancellation);
            if (whole.GetAwaiter().GetResult() is not { } sourceDigest)
                return (null, new Rejection($"{path} changed while it was read.", "Sign it when nobody writes to it."));
            var (diskIndex, sourceIndex) = (disk.ToIndex(), digests.ToIndex());
            // Raw is the disk's own order, and to read what may be terabytes once more would tell nothing.
            var reads = image.Format == ImageFormat.Raw.Name ? 1 : Signing.SourceReads.Rehearse(path, sourceIndex, diskIndex, cancellation);
            return (new MeasuredImage(image.Format, image.Compression, layout, diskIndex, diskDigest, sourceIndex, sourceDigest, reads), null);
        }
        catch (RejectedException e)
        {
            return (null, e.Rejection);
        }
    }

    private static Digest Decode(OpenedImage opened, ChunkDigests digests, Action<long, long>? progress, CancellationToken cancellation)
    {
        var (image, layout) = (opened.Image, digests.Layout);
        using var plan = new ChunkPlan(image, opened.Cache, layout, Enumerable.Range(0, layout.Count), _ => false, opened.Cache.Layout.Count);
        using var workers = new ChunkWorkers(Environment.ProcessorCount, opened.Cache, layout.ChunkSize, image.MaxCompressedLength);
        using var ordered = new OrderedHash();
        long done = 0;
        workers.Run(worker =>
        {
            cancellation.ThrowIfCancellationRequested();
            if (!plan.TryTake(out var chunk))
                return false;
            try
            {
                var bytes = worker.Buffer[..chunk.Length];
                if (worker.Decoder.Fill(chunk, worker.Buffer) is { } rejection)
                    throw new RejectedException(rejection);
                _ = digests.Admit(chunk.Number, bytes);
                ordered.Append(chunk.Number, bytes);
                progress?.Invoke(Interlocked.Add(ref done, chunk.Length), layout.Size);
                plan.Return(chunk);
            }
            catch
            {
                ordered.GiveUp();
                throw;
            }
            return true;
        });
        return ordered.ToDigest();
    }

    // A digest of the whole needs its bytes in order; the workers finish almost in order, so none waits long.
    private sealed class OrderedHash : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly object _gate = new();
        private int _next;
        private bool _isGivenUp;

        public void Append(int chunk, ReadOnlySpan<byte> bytes)
        {
            lock (_gate)
            {
                while (_next != chunk && !_isGivenUp)
                    Monitor.Wait(_gate);
                if (_isGivenUp)
                    return;
            }
            // It is this chunk's turn until the next is admitted: no lock while hashing.
            _hash.AppendData(bytes);
            lock (_gate)
            {
                _next++;
                Monitor.PulseAll(_gate);
            }
        }

        public void GiveUp()
        {
            lock (_gate)
            {
                _isGivenUp = true;
                Monitor.PulseAll(_gate);
            }
        }

        public Digest ToDigest() => new(_hash.GetHashAndReset());

        public void Dispose() => _hash.Dispose();
    }
}

/// <summary>The digests of chunks as they come, in any order and more than once.</summary>
internal sealed class ChunkDigests(ChunkLayout layout)
{
    private readonly Digest?[] _digests = new Digest?[layout.Count];

    public ChunkLayout Layout => layout;

    /// <summary>False if the chunk was seen before with other bytes.</summary>
    public bool Admit(int chunk, ReadOnlySpan<byte> data)
    {
        var digest = Digest.Of(data);
        lock (_digests)
        {
            _digests[chunk] ??= digest;
            return _digests[chunk] == digest;
        }
    }

    /// <summary>Reads a file from start to end, also where no disk byte comes from.</summary>
    /// <returns>The digest of all, or null if the file changed meanwhile.</returns>
    public Digest? ReadAll(string path, CancellationToken cancellation)
    {
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[layout.ChunkSize];
        for (var chunk = 0; chunk < layout.Count; chunk++)
        {
            cancellation.ThrowIfCancellationRequested();
            var bytes = buffer.AsSpan(0, layout.LengthOf(chunk));
            for (var got = 0; got < bytes.Length;)
            {
                var read = RandomAccess.Read(file, bytes[got..], layout.OffsetOf(chunk) + got);
                if (read == 0)
                    return null;
                got += read;
            }
            if (!Admit(chunk, bytes))
                return null;
            whole.AppendData(bytes);
        }
        return new Digest(whole.GetHashAndReset());
    }

    public ChunkIndex ToIndex()
    {
        var bytes = new byte[layout.Count * Digest.Size];
        for (var i = 0; i < layout.Count; i++)
            _digests[i]!.Value.CopyTo(bytes.AsSpan(i * Digest.Size));
        return ChunkIndex.FromDigests(bytes, layout);
    }
}
