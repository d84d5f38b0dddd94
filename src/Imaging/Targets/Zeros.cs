using Baremetal.Imaging.Native;

namespace Baremetal.Imaging.Targets;

/// <summary>Zeros written as data: the last resort, where neither the device nor the file system can do it.</summary>
internal static class Zeros
{
    private const int BlockLength = 1 << 20;

    // One block for the life of the process, shared by all: nobody ever writes into it.
    private static readonly AlignedBuffer _block = new(BlockLength, zeroed: true);

    public static void Write(IBlockTarget target, long offset, long length)
    {
        for (var end = offset + length; offset < end; offset += BlockLength)
            target.Write(offset, _block.Span[..(int)Math.Min(BlockLength, end - offset)]);
    }
}
