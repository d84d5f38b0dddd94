using Baremetal.Imaging.Targets;

namespace Baremetal.Support;

/// <summary>One thing that was done to a <see cref="RecordingTarget"/>. Zeros have no data, a flush has no length.</summary>
public sealed record RecordedWrite(long Offset, long Length, byte[]? Data)
{
    public static RecordedWrite Flush { get; } = new(0, 0, null);

    public bool IsFlush => Length == 0;

    public void ApplyTo(byte[] disk)
    {
        if (Data is not null)
            Data.CopyTo(disk, Offset);
        else
            disk.AsSpan((int)Offset, (int)Length).Clear();
    }
}

/// <summary>A disk in memory that remembers every write, zeroing and flush, in their order.</summary>
public sealed class RecordingTarget(byte[] disk, int sectorSize = 512) : IBlockTarget
{
    private readonly Lock _gate = new();
    private readonly List<RecordedWrite> _writes = [];

    public string Name => "the recording disk";

    public long Size => disk.Length;

    public int? SectorSize => sectorSize;

    public bool ZerosBesideData { get; init; }

    public IDeviceCommands? Commands { get; init; }

    /// <summary>What the disk holds.</summary>
    public byte[] Disk => disk;

    /// <summary>Called before each write, outside the lock; may throw, as a failing disk would.</summary>
    public Action<RecordedWrite>? BeforeWrite { get; set; }

    /// <summary>Called with the offset and the length of each read, outside the lock; may throw, as a bad sector would.</summary>
    public Action<long, int>? BeforeRead { get; set; }

    /// <summary>Called with the offset and the bytes of each read, outside the lock; may change them, as a disk that forgets would.</summary>
    public Action<long, Span<byte>>? AfterRead { get; set; }

    public IReadOnlyList<RecordedWrite> Writes
    {
        get
        {
            lock (_gate)
                return [.. _writes];
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (offset % sectorSize != 0 || data.Length % sectorSize != 0)
            throw new IOException($"{data.Length} bytes at {offset} are not whole sectors.");
        Record(new RecordedWrite(offset, data.Length, data.ToArray()));
    }

    public void Zero(long offset, long length)
    {
        if (offset % sectorSize != 0 || length % sectorSize != 0)
            throw new IOException($"{length} zeros at {offset} are not whole sectors.");
        Record(new RecordedWrite(offset, length, null));
    }

    /// <summary>What a discard of a range comes to: whether it is gone, or null for a disk that has no discard.</summary>
    public Func<long, bool?> Discards { get; init; } = _ => null;

    public bool TryDiscard(long offset, long length)
    {
        if (Discards(offset) is not { } isGone)
            return false;
        if (isGone)
            Record(new RecordedWrite(offset, length, null));
        return true;
    }

    public void Read(long offset, Span<byte> buffer)
    {
        BeforeRead?.Invoke(offset, buffer.Length);
        lock (_gate)
            disk.AsSpan((int)offset, buffer.Length).CopyTo(buffer);
        AfterRead?.Invoke(offset, buffer);
    }

    public void Flush() => Record(RecordedWrite.Flush);

    public void Complete()
    {
    }

    public void Dispose()
    {
    }

    private void Record(RecordedWrite write)
    {
        BeforeWrite?.Invoke(write);
        lock (_gate)
        {
            _writes.Add(write);
            if (!write.IsFlush)
                write.ApplyTo(disk);
        }
    }
}
