namespace Baremetal.Imaging.Formats;

/// <summary>How an extent's bytes are stored in the image file.</summary>
public enum Codec : byte
{
    Plain,
    Deflate,
    Zstd,
}

/// <summary>
/// A stretch of the disk whose bytes the image file holds; what no extent covers is zero.
/// </summary>
/// <param name="At">Offset in the range that was mapped, in bytes.</param>
/// <param name="Length">Bytes of disk. A compressed extent decodes to exactly as many.</param>
/// <param name="Codec">How they are stored.</param>
/// <param name="Source">Offset in the image file, in bytes.</param>
/// <param name="SourceLength">Bytes in the image file; a compressed stream may end before them.</param>
public readonly record struct Extent(int At, int Length, Codec Codec, long Source, int SourceLength);
