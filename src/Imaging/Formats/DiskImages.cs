using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Imaging.Formats.Raw;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Formats;

/// <summary>Opens an image by what its content says it is.</summary>
internal static class DiskImages
{
    public static ImageFormat Identify(SourceCursor source)
    {
        var head = new byte[Math.Min(ImageFormat.HeadLength, source.Layout.Size)];
        source.Read(0, head);
        var tail = new byte[Math.Min(ImageFormat.TailLength, source.Layout.Size)];
        source.Read(source.Layout.Size - tail.Length, tail);
        source.End();
        return ImageFormat.Identify(head, tail);
    }

    /// <param name="source">The image file; the image reads its tables through it.</param>
    /// <param name="memory">For its tables.</param>
    /// <param name="image">The image, its tables not yet checked.</param>
    /// <param name="rejection">Why it cannot be written.</param>
    public static bool TryOpen(SourceCursor source, TableMemory memory, [NotNullWhen(true)] out IDiskImage? image, [NotNullWhen(false)] out Rejection? rejection)
    {
        image = null;
        rejection = null;
        var format = Identify(source);
        if (format == ImageFormat.Qcow2)
        {
            _ = Qcow2Image.TryOpen(source, memory, out var qcow2, out rejection);
            image = qcow2;
        }
        else if (format == ImageFormat.Raw)
        {
            image = new RawImage(source.Layout.Size);
        }
        else
        {
            rejection = new Rejection($"The image is {format.Name}, which is not written.", format.Remedy);
        }
        source.End();
        return image is not null;
    }
}
