using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>The free space at a disk's end. Partitions are taken off it, the last one first; a root partition gets what is left.</summary>
/// <param name="header">Of the table.</param>
/// <param name="entries">Of the table; they are changed.</param>
/// <param name="sectorSize">512 or 4096 bytes.</param>
/// <param name="lastUsable">The last sector that a partition may have.</param>
internal sealed class GptTail(GptHeader header, byte[] entries, int sectorSize, long lastUsable)
{
    public const int Alignment = 1 << 20;

    private long _end = (lastUsable + 1) * sectorSize;
    private long _taken;

    /// <summary>Where something begins that ends at or before a place.</summary>
    public static long Below(long end, long bytes) => (end - bytes) / Alignment * Alignment;

    /// <summary>Adds a partition, in the first free entry.</summary>
    /// <param name="what">It, for errors: <c>config drive</c>.</param>
    /// <param name="type">What it is for.</param>
    /// <param name="id">Its GUID.</param>
    /// <param name="name">Its name.</param>
    /// <param name="bytes">Its size, a multiple of the alignment.</param>
    /// <param name="offset">Where it begins, in bytes.</param>
    /// <param name="rejection">What is in its way.</param>
    public bool TryTake(string what, Guid type, Guid id, string name, long bytes, out long offset, [NotNullWhen(false)] out Rejection? rejection)
    {
        rejection = null;
        offset = Below(_end, bytes);
        _taken += bytes;
        var partition = new GptEntry(type, id, offset / sectorSize, ((offset + bytes) / sectorSize) - 1, name);
        var free = Enumerable.Range(0, header.EntryCount).TakeWhile(i => !Entry(i).IsFree).Count();
        if (free == header.EntryCount)
            rejection = new Rejection($"The image's partition table has no free entry for the {what}: all {free} are used.");
        else if (offset < 0 || partition.FirstLba < header.FirstUsableLba)
            rejection = new Rejection($"The {what} does not fit: the disk is too small.", "Choose a larger disk.");
        else if (FirstBeyond(partition.FirstLba) is { } other)
            rejection = new Rejection($"The {what} does not fit: the image's partition '{other.Name}' reaches into the disk's last {_taken >> 20} MiB.", "Choose a larger disk, or shrink the image.");
        else
            partition.Write(Bytes(free));
        _end = offset;
        return rejection is null;
    }

    /// <summary>Gives a partition what is left behind it.</summary>
    /// <param name="number">Counted from 1.</param>
    /// <param name="rejection">Why that is no partition that can grow.</param>
    public bool TryGrow(int number, [NotNullWhen(false)] out Rejection? rejection)
    {
        rejection = null;
        if (number < 1 || number > header.EntryCount || Entry(number - 1) is not { IsFree: false } root)
            rejection = new Rejection($"The image's partition table has no partition {number}, which the order says is its root.", "Sign the image anew.");
        else if (FirstBeyond(root.LastLba + 1) is { } other)
            rejection = new Rejection($"The image's partition '{other.Name}' lies behind partition {number}, which the order says is its last.", "Sign the image anew.");
        else
            GptEntry.SetLastLba(Bytes(number - 1), Math.Max(root.LastLba, (Below(_end, 0) / sectorSize) - 1));
        return rejection is null;
    }

    private GptEntry? FirstBeyond(long lba) => Enumerable.Range(0, header.EntryCount).Select(Entry).FirstOrDefault(other => !other.IsFree && other.LastLba >= lba && other.FirstLba * sectorSize < _end);

    private Span<byte> Bytes(int i) => entries.AsSpan(i * header.EntrySize, GptEntry.Length);

    private GptEntry Entry(int i) => GptEntry.Parse(Bytes(i));
}
