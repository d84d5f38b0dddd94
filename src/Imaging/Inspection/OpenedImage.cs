using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Inspection;

/// <summary>An image file on this machine, opened to be looked at or signed: its tables are checked, its bytes belong to nobody yet.</summary>
internal sealed class OpenedImage : IDisposable
{
    private const int Connections = 2;
    private const int CacheBytes = 64 << 20;

    // The largest L1 table that is read, with the map of it while it is checked, and the L2 tables of a large disk.
    private static readonly TableMemory _tableMemory = new(Wanted: 32 << 20, Most: 72 << 20);

    private readonly SourceCursor _tables;
    private readonly IDiskImage? _image;

    private OpenedImage(string path, long size, AdmitChunk admit, CancellationToken cancellation)
    {
        Size = size;
        var layout = ChunkLayout.ForSource(size);
        var mirrors = new SourceMirrors([new FileSource(path)], size, new RetryPolicy(), TimeProvider.System);
        var capacity = Math.Max(Environment.ProcessorCount + Connections + 4, CacheBytes / layout.ChunkSize);
        Cache = new SourceCache(mirrors, layout, admit, _ => false, capacity, Connections);
        _tables = new SourceCursor(Cache);
        Format = DiskImages.Identify(_tables);
        if (DiskImages.TryOpen(_tables, _tableMemory, out _image, out var rejection))
            rejection = _image.CheckTables(null, cancellation);
        Rejection = rejection;
    }

    public long Size { get; }

    public SourceCache Cache { get; }

    public ImageFormat Format { get; }

    /// <summary>Why it cannot be written, or null.</summary>
    public Rejection? Rejection { get; }

    /// <summary>Only if it is not rejected.</summary>
    public IDiskImage Image => _image!;

    /// <summary>Throws <see cref="IOException"/> if the file cannot be read.</summary>
    public static OpenedImage Open(string path, AdmitChunk admit, CancellationToken cancellation) => new(path, LengthOf(path), admit, cancellation);

    /// <summary>Bytes of an image file. Throws <see cref="IOException"/> if no image has so many: hours of hashing would come to nothing.</summary>
    public static long LengthOf(string path) => FileSource.LengthOf(path) switch
    {
        0 => throw new IOException($"{path} is empty."),
        > ChunkLayout.MaxSize and var size => throw new IOException($"{path} has {size} bytes; at most {ChunkLayout.MaxSize} (2 TiB) can be written. Make it smaller: 'qemu-img convert -O qcow2 -c'."),
        var size => size,
    };

    /// <summary>What a qcow2 file says of itself, also if it is rejected; null for other formats.</summary>
    public Qcow2Facts? ReadFacts() => Format == ImageFormat.Qcow2 ? Qcow2Facts.TryRead(_tables) : null;

    public (DiskLayout? Layout, Rejection? Rejection) ReadLayout()
    {
        using var view = new DiskView(Image, Cache);
        return DiskLayout.Read(view, Image.DiskSize);
    }

    /// <summary>Why a disk of this size has no whole sectors, or null.</summary>
    public Rejection? CheckSectors(DiskLayout layout) => Image.DiskSize % layout.SectorSize == 0
        ? null
        : new Rejection($"The image's disk has {Image.DiskSize} bytes, which is no multiple of its sector size {layout.SectorSize}.", $"Grow it: 'qemu-img resize' to a multiple of {layout.SectorSize}.");

    public void Dispose()
    {
        _tables.Dispose();
        Cache.Dispose();
    }
}
