namespace Baremetal.Imaging.Targets;

/// <summary>
/// What an image is written to. All calls may come from several threads at once. Offsets and lengths are multiples of the sector size, and
/// memory that is written or read is aligned to 4096 bytes.
/// </summary>
public interface IBlockTarget : IDisposable
{
    /// <summary>The path, for errors.</summary>
    string Name { get; }

    /// <summary>In bytes.</summary>
    long Size { get; }

    /// <summary>512 or 4096 bytes; null for a file, which has no sectors.</summary>
    int? SectorSize { get; }

    /// <summary>Whether zeros do not hold up the data when both are written at once.</summary>
    bool ZerosBesideData { get; }

    /// <summary>The disk's own commands; null for a file, and for a disk that has none.</summary>
    IDeviceCommands? Commands { get; }

    void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>Reads what the device holds, past the kernel's cache where that is possible.</summary>
    void Read(long offset, Span<byte> buffer);

    /// <summary>Makes a range read as zeros. A discard is not enough: it promises nothing about what is read afterwards.</summary>
    void Zero(long offset, long length);

    /// <summary>Says that a range is not needed any more; false if that cannot be said to this disk. What is read there afterwards must be looked at.</summary>
    bool TryDiscard(long offset, long length);

    /// <summary>Returns when all that was written is durable.</summary>
    void Flush();

    /// <summary>All is written: the kernel may look for the new partitions.</summary>
    void Complete();
}
