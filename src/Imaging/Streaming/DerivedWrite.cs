namespace Baremetal.Imaging.Streaming;

/// <summary>Sectors computed from verified bytes and the signed order, written with the ends and read back.</summary>
/// <param name="Offset">In bytes, a multiple of the sector size; so is the length.</param>
/// <param name="Data">The bytes.</param>
/// <param name="What">Their name, for errors.</param>
internal sealed record DerivedWrite(long Offset, byte[] Data, string What)
{
    public long End => Offset + Data.Length;
}
