using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

public enum WriteStatus
{
    /// <summary>The disk holds the image, verified and flushed.</summary>
    Written,

    /// <summary>Nothing was touched.</summary>
    Refused,

    /// <summary>The disk is left unbootable.</summary>
    Failed,
}

/// <summary>Whose fault it is that an image is not on the disk.</summary>
public enum WriteFault
{
    /// <summary>The image is not what was signed, cannot be read, or does not fit the disk.</summary>
    Image,

    /// <summary>No source gave it.</summary>
    Source,

    /// <summary>The disk does not take or keep what is written.</summary>
    Disk,

    /// <summary>Nobody's: it was not to go on.</summary>
    Cancelled,

    /// <summary>This program's.</summary>
    Program,
}

/// <summary>How a write ended. <paramref name="Reason"/> and <paramref name="Fault"/> are null exactly if it was written.</summary>
public sealed record WriteOutcome(WriteStatus Status, Rejection? Reason, WriteFault? Fault, WriteFigures Figures);

/// <summary>
/// What a write cost, in bytes. <paramref name="PeakMemoryBytes"/> is the process's own (VmHWM); <paramref name="DroppedSources"/> says which
/// sources were given up, and why.
/// </summary>
public sealed record WriteFigures(
    long WireBytes,
    long WrittenBytes,
    long ZeroedBytes,
    long ReusedBytes,
    TimeSpan Elapsed,
    long PeakMemoryBytes,
    IReadOnlyList<string> DroppedSources);

/// <summary>How to write.</summary>
/// <param name="Reuse">Leave what the disk holds already.</param>
/// <param name="ReadBack">Read everything back and compare, before the disk is made bootable.</param>
/// <param name="ConfigDrive">To be added as a partition.</param>
/// <param name="Retries">For transient failures of a source.</param>
/// <param name="MemoryLimit">Bytes for buffers; by default what brings speed, if the machine has it.</param>
/// <param name="Cores">Worker threads at most; by default one a core.</param>
/// <param name="NeedsEfiSystem">Refuse an image without a GPT that has an EFI system partition: a boot entry shall point to it.</param>
/// <param name="Layout">What becomes of a partition image's disk.</param>
/// <param name="LastCheck">Asked once, when all else is checked: why nothing may be written any more, or null.</param>
public sealed record WriteOptions(
    bool Reuse = false,
    bool ReadBack = false,
    ConfigDrive? ConfigDrive = null,
    RetryPolicy? Retries = null,
    long? MemoryLimit = null,
    int? Cores = null,
    bool NeedsEfiSystem = false,
    PartitionLayout? Layout = null,
    Func<Rejection?>? LastCheck = null);
