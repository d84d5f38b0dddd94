using Baremetal.Trust;

namespace Baremetal.Imaging.Formats.Raw;

/// <summary>The disk's own bytes, one after the other.</summary>
internal sealed class RawImage(long size) : IDiskImage
{
    public string Format => ImageFormat.Raw.Name;

    public string Compression => "none";

    public long DiskSize => size;

    public int Granularity => 4096;

    public long TableBytes => 0;

    public long StoredTableBytes => 0;

    public int MaxCompressedLength => 0;

    public IReadOnlyList<string> Features => [];

    public Rejection? CheckTables(Action<long>? done, CancellationToken cancellation) => null;

    public void Map(long offset, int length, List<Extent> extents)
    {
        var present = (int)Math.Clamp(size - offset, 0, length);
        if (present > 0)
            extents.Add(new Extent(0, present, Codec.Plain, offset, present));
    }
}
