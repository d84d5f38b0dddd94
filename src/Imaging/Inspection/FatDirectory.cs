using System.Buffers.Binary;
using System.Text;

namespace Baremetal.Imaging.Inspection;

/// <summary>
/// Lists a directory of a FAT12, FAT16 or FAT32 file system by its short names (Microsoft's FAT specification 1.03): enough to see which boot
/// loaders an EFI system partition has.
/// </summary>
internal sealed class FatDirectory
{
    private const int EntryLength = 32;
    private const byte IsFolder = 0x10;
    private const byte IsLongName = 0x0f;

    // Of a directory: 2048 entries, where EFI/BOOT has a handful. A chain of clusters may run in a circle.
    private const int MaxDirectoryLength = 64 << 10;

    private readonly DiskView _disk;
    private readonly long _fat;
    private readonly long _data;
    private readonly int _clusterSize;
    private readonly int _fatBits;
    private readonly long _clusters;
    private readonly (long Offset, int Length) _fixedRoot;
    private readonly uint _rootCluster;

    private FatDirectory(DiskView disk, long start, ReadOnlySpan<byte> boot)
    {
        int sector = BinaryPrimitives.ReadUInt16LittleEndian(boot[11..]);
        int perCluster = boot[13];
        int reserved = BinaryPrimitives.ReadUInt16LittleEndian(boot[14..]);
        int fats = boot[16];
        int rootEntries = BinaryPrimitives.ReadUInt16LittleEndian(boot[17..]);
        long total = BinaryPrimitives.ReadUInt16LittleEndian(boot[19..]);
        long fatSectors = BinaryPrimitives.ReadUInt16LittleEndian(boot[22..]);
        if (total == 0)
            total = BinaryPrimitives.ReadUInt32LittleEndian(boot[32..]);
        if (fatSectors == 0)
            fatSectors = BinaryPrimitives.ReadUInt32LittleEndian(boot[36..]);

        _disk = disk;
        _clusterSize = sector * perCluster;
        _fat = start + ((long)reserved * sector);
        var root = _fat + (fats * fatSectors * sector);
        _fixedRoot = (root, rootEntries * EntryLength);
        _data = root + (((rootEntries * EntryLength) + sector - 1) / sector * (long)sector);
        _clusters = ((start + (total * sector)) - _data) / _clusterSize;
        // The count of clusters alone decides (section 3.5 of the specification).
        _fatBits = _clusters < 4085 ? 12 : _clusters < 65525 ? 16 : 32;
        _rootCluster = _fatBits == 32 ? BinaryPrimitives.ReadUInt32LittleEndian(boot[44..]) : 0;
    }

    /// <param name="disk">The disk.</param>
    /// <param name="start">The file system's first byte on it.</param>
    /// <returns>Null if no FAT file system is there.</returns>
    public static FatDirectory? TryOpen(DiskView disk, long start)
    {
        Span<byte> boot = stackalloc byte[512];
        if (!disk.TryRead(start, boot) || boot[510] != 0x55 || boot[511] != 0xaa || boot[16] is 0 or > 4 || BinaryPrimitives.ReadUInt16LittleEndian(boot[14..]) == 0)
            return null;
        return BinaryPrimitives.ReadUInt16LittleEndian(boot[11..]) is 512 or 1024 or 2048 or 4096 && System.Numerics.BitOperations.IsPow2((int)boot[13])
            ? new FatDirectory(disk, start, boot)
            : null;
    }

    /// <summary>The names in a directory, such as <c>BOOTX64.EFI</c>; empty if it is not there.</summary>
    public IReadOnlyList<string> List(params ReadOnlySpan<string> path)
    {
        var entries = Entries(_rootCluster);
        foreach (var part in path)
        {
            var folder = entries.Find(entry => entry.IsFolder && string.Equals(entry.Name, part, StringComparison.OrdinalIgnoreCase));
            if (folder.Name is null || folder.Cluster < 2)
                return [];
            entries = Entries(folder.Cluster);
        }
        return entries.ConvertAll(entry => entry.Name);
    }

    private List<(string Name, bool IsFolder, uint Cluster)> Entries(uint cluster)
    {
        var entries = new List<(string, bool, uint)>();
        if (cluster == 0)
        {
            var root = new byte[Math.Min(MaxDirectoryLength, _fixedRoot.Length)];
            if (_disk.TryRead(_fixedRoot.Offset, root))
                Append(entries, root);
            return entries;
        }
        var bytes = new byte[Math.Min(MaxDirectoryLength, _clusterSize)];
        for (var read = 0; read < MaxDirectoryLength && cluster >= 2 && cluster < _clusters + 2; read += bytes.Length)
        {
            if (!_disk.TryRead(_data + ((cluster - 2L) * _clusterSize), bytes) || !Append(entries, bytes))
                break;
            cluster = Next(cluster);
        }
        return entries;
    }

    // False at the directory's end.
    private static bool Append(List<(string, bool, uint)> entries, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= EntryLength; bytes = bytes[EntryLength..])
        {
            if (bytes[0] == 0)
                return false;
            if (bytes[0] == 0xe5 || (bytes[11] & IsLongName) == IsLongName)
                continue;
            var (name, extension) = (Encoding.ASCII.GetString(bytes[..8]).TrimEnd(), Encoding.ASCII.GetString(bytes[8..11]).TrimEnd());
            var cluster = ((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[20..]) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(bytes[26..]);
            entries.Add((extension.Length == 0 ? name : $"{name}.{extension}", (bytes[11] & IsFolder) != 0, cluster));
        }
        return true;
    }

    private uint Next(uint cluster)
    {
        Span<byte> entry = stackalloc byte[4];
        entry.Clear();
        var length = _fatBits == 32 ? 4 : 2;
        if (!_disk.TryRead(_fat + ((long)cluster * _fatBits / 8), entry[..length]))
            return 0;
        var value = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        return _fatBits switch
        {
            12 => (cluster & 1) != 0 ? value >> 4 : value & 0xfff,
            16 => value,
            _ => value & 0x0fff_ffff,
        };
    }
}
