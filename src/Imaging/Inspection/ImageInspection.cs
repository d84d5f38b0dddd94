using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Trust;

namespace Baremetal.Imaging.Inspection;

/// <summary>All that an image file tells of itself: what <c>conductor image inspect</c> shows.</summary>
/// <param name="Format">Decided from the content.</param>
/// <param name="Compression"><c>none</c>, <c>zlib</c> or <c>zstd</c>; null if it could not be read.</param>
/// <param name="FileBytes">Bytes of the file.</param>
/// <param name="DiskBytes">Bytes of the disk; null if it could not be read.</param>
/// <param name="AllocatedBytes">Bytes of the disk that the file holds; null if it could not be read.</param>
/// <param name="Features">What else is worth knowing.</param>
/// <param name="Qcow2">What a qcow2 file says of itself, refused or not; null for other formats.</param>
/// <param name="Layout">Partitions and boot modes.</param>
/// <param name="Refused">Why it cannot be written, or null.</param>
public sealed record ImageInspection(
    string Format,
    string? Compression,
    long FileBytes,
    long? DiskBytes,
    long? AllocatedBytes,
    IReadOnlyList<string> Features,
    Qcow2Facts? Qcow2,
    DiskLayout? Layout,
    Rejection? Refused)
{
    /// <summary>Reads a file's tables, not its data. Throws <see cref="IOException"/> if it cannot be read.</summary>
    public static ImageInspection Of(string path)
    {
        using var file = OpenedImage.Open(path, (_, _) => true, CancellationToken.None);
        var facts = file.ReadFacts();
        if (file.Rejection is not null)
            return new ImageInspection(file.Format.Name, null, file.Size, facts is { DiskBytes: < long.MaxValue } ? (long)facts.DiskBytes : null, null, [], facts, null, file.Rejection);
        var image = file.Image;
        var (layout, rejection) = file.ReadLayout();
        rejection ??= file.CheckSectors(layout!);
        return new ImageInspection(image.Format, image.Compression, file.Size, image.DiskSize, Allocated(image), image.Features, facts, layout, rejection);
    }

    private static long Allocated(IDiskImage image)
    {
        var layout = ChunkLayout.ForDisk(image.DiskSize);
        var extents = new List<Extent>();
        long sum = 0;
        for (var chunk = 0; chunk < layout.Count; chunk++)
        {
            extents.Clear();
            image.Map(layout.OffsetOf(chunk), layout.LengthOf(chunk), extents);
            sum += extents.Sum(extent => (long)extent.Length);
        }
        return sum;
    }
}
