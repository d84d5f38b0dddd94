using System.Diagnostics.CodeAnalysis;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>
/// An image's partition table, and what becomes of it on a disk that is larger.
/// <code>
///  LBA 0           1               2 ...                                        last-n ... last-1   last
///  protective MBR  primary header  entries  | first usable ... last usable |    backup entries      backup header
/// </code>
/// </summary>
internal sealed class Gpt
{
    private readonly byte[] _mbr;
    private readonly GptHeader _header;
    private readonly byte[] _entries;
    private readonly int _sectorSize;

    private Gpt(byte[] mbr, GptHeader header, byte[] entries, int sectorSize)
    {
        _mbr = mbr;
        _header = header;
        _entries = entries;
        _sectorSize = sectorSize;
    }

    public IEnumerable<GptEntry> Partitions => Entries.Where(entry => !entry.IsFree);

    public IReadOnlyList<NumberedPartition> Numbered => [.. Entries.Select((entry, i) => new NumberedPartition(i + 1, entry)).Where(partition => !partition.Entry.IsFree)];

    /// <summary>Whether a disk's start has a GPT for this sector size.</summary>
    public static bool IsAt(ReadOnlySpan<byte> diskStart, int sectorSize) =>
        diskStart.Length >= 2 * sectorSize && diskStart[sectorSize..].StartsWith(GptHeader.Signature);

    /// <param name="diskStart">The disk's first bytes; a table whose entries lie beyond them is refused.</param>
    /// <param name="sectorSize">512 or 4096 bytes.</param>
    /// <param name="gpt">Null if the disk has no GPT.</param>
    /// <param name="rejection">Why the GPT that is there cannot be used.</param>
    public static bool TryRead(ReadOnlySpan<byte> diskStart, int sectorSize, out Gpt? gpt, [NotNullWhen(false)] out Rejection? rejection)
    {
        gpt = null;
        rejection = null;
        if (!IsAt(diskStart, sectorSize) || !Mbr.IsProtective(diskStart))
            return true;
        if (!GptHeader.TryParse(diskStart.Slice(sectorSize, sectorSize), out var header, out rejection))
            return false;
        if (header.EntriesLba > (diskStart.Length - header.EntriesBytes) / sectorSize)
        {
            rejection = GptHeader.Damaged($"its entries lie at sector {header.EntriesLba}, far from its header");
            return false;
        }
        var entries = diskStart.Slice((int)header.EntriesLba * sectorSize, header.EntriesBytes).ToArray();
        if (!header.Accepts(entries))
        {
            rejection = GptHeader.Damaged("its entries' CRC is wrong");
            return false;
        }
        var read = new Gpt(diskStart[..sectorSize].ToArray(), header, entries, sectorSize);
        if (read.Partitions.FirstOrDefault(partition => partition.FirstLba < 0 || partition.LastLba < partition.FirstLba) is { } nowhere)
        {
            rejection = GptHeader.Damaged($"its partition '{nowhere.Name}' reaches from sector {(ulong)nowhere.FirstLba} to {(ulong)nowhere.LastLba}");
            return false;
        }
        gpt = read;
        return true;
    }

    /// <summary>
    /// The sectors of the table on a disk of the given size: the backup at the disk's end, all usable sectors usable, and a partition for
    /// the config drive, if there is one. It is the last on the disk, so that the root partition before it can still grow up to it; that of a
    /// partition image does so here, and swap lies between.
    /// </summary>
    public bool TryFit(long diskSize, ConfigDrive? drive, PartitionLayout? layout, [NotNullWhen(true)] out List<DerivedWrite>? writes, [NotNullWhen(false)] out Rejection? rejection)
    {
        writes = null;
        rejection = null;
        var sectors = diskSize / _sectorSize;
        var entrySectors = (_entries.Length + _sectorSize - 1) / _sectorSize;
        var lastUsable = sectors - entrySectors - 2;
        var entries = (byte[])_entries.Clone();
        var fitted = new List<DerivedWrite>();
        if (_header.EntriesLba + entrySectors > lastUsable + 1)
        {
            rejection = new Rejection($"A disk of {diskSize} bytes has no room for a GPT and its backup.", "Choose a larger disk.");
            return false;
        }
        if (Partitions.FirstOrDefault(partition => partition.LastLba > lastUsable) is { } beyond)
        {
            rejection = new Rejection($"The image's partition '{beyond.Name}' ends at sector {beyond.LastLba}, but the last one that a disk of {diskSize} bytes can use is {lastUsable}.", "Choose a larger disk, or shrink the image.");
            return false;
        }
        var primary = _header.Clone();
        if (layout is not null)
            Rename(primary, entries, layout);
        var tail = new GptTail(primary, entries, _sectorSize, lastUsable);
        if (drive is not null)
        {
            if (!tail.TryTake("config drive", GptEntry.LinuxData, drive.PartitionId(primary.DiskGuid), ConfigDrive.PartitionName, ConfigDrive.PartitionSize, out var at, out rejection))
                return false;
            fitted.Add(new DerivedWrite(at, drive.PaddedTo(_sectorSize), "config drive"));
        }
        if (layout is { SwapBytes: > 0 and var swap })
        {
            var id = layout.IdOf(SwapSpace.PartitionName);
            if (!tail.TryTake("swap partition", GptEntry.LinuxSwap, id, SwapSpace.PartitionName, swap, out var at, out rejection))
                return false;
            fitted.Add(new DerivedWrite(at, SwapSpace.Head(swap, id), "swap header"));
        }
        if (layout is not null && !tail.TryGrow(layout.RootPartition, out rejection))
            return false;

        primary.OtherLba = sectors - 1;
        primary.LastUsableLba = lastUsable;
        primary.Seal(entries);
        var backup = primary.Clone();
        backup.MyLba = sectors - 1;
        backup.OtherLba = GptHeader.PrimaryLba;
        backup.EntriesLba = sectors - 1 - entrySectors;
        backup.Seal(entries);
        var mbr = (byte[])_mbr.Clone();
        Mbr.Span(mbr, sectors);

        var padded = new byte[entrySectors * _sectorSize];
        entries.CopyTo(padded, 0);
        fitted.Add(new DerivedWrite(0, mbr, "protective MBR"));
        fitted.Add(new DerivedWrite(_sectorSize, primary.Sector.ToArray(), "GPT header"));
        // Entries that do not fill their last sector share it with nothing: the rest is reserved.
        fitted.Add(new DerivedWrite(primary.EntriesLba * _sectorSize, padded, "GPT entries"));
        fitted.Add(new DerivedWrite(backup.EntriesLba * _sectorSize, padded, "backup GPT entries"));
        fitted.Add(new DerivedWrite(backup.MyLba * _sectorSize, backup.Sector.ToArray(), "backup GPT header"));
        writes = fitted;
        return true;
    }

    // One image on two disks, and one server that gets both: each of its partitions must still be one.
    private void Rename(GptHeader header, byte[] entries, PartitionLayout layout)
    {
        _ = layout.IdOf("disk").TryWriteBytes(header.DiskGuid);
        foreach (var partition in Numbered)
            GptEntry.SetId(entries.AsSpan((partition.Number - 1) * header.EntrySize, GptEntry.Length), layout.IdOf($"partition {partition.Number}"));
    }

    private IEnumerable<GptEntry> Entries
    {
        get
        {
            for (var i = 0; i < _header.EntryCount; i++)
                yield return GptEntry.Parse(_entries.AsSpan(i * _header.EntrySize, GptEntry.Length));
        }
    }
}
