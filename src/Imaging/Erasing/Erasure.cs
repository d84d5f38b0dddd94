namespace Baremetal.Imaging.Erasing;

public enum EraseDepth
{
    /// <summary>What firmware, kernels and tools know a disk's content by: the ends of the disk and of each partition. The data between stay.</summary>
    Metadata,

    /// <summary>The disk is told that it holds nothing any more, and is looked at in every piece: it may do nothing, and say that it did.</summary>
    Discard,

    /// <summary>The disk erases itself by a command of its own, and with that what it has put aside. What is read afterwards need not be zeros.</summary>
    Secure,

    /// <summary>All that can be addressed. What the disk has put aside by itself (spare sectors, spare flash) stays.</summary>
    Zero,
}

/// <summary>What became of a disk.</summary>
/// <param name="ErasedBytes">Read as zeros now, as far as samples tell.</param>
/// <param name="FailedBytes">Of pieces that the disk did not take, or did not keep.</param>
/// <param name="FirstFailure">Where and why; null if there is none.</param>
/// <param name="Samples">Blocks that were read again.</param>
/// <param name="Method">By which command a disk erased itself; null if it was erased from outside, or not at all.</param>
public sealed record Erasure(long ErasedBytes, long FailedBytes, string? FirstFailure, int Samples, string? Method = null);
