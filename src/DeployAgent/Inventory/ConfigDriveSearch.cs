using System.Buffers.Binary;
using System.Text;

namespace Baremetal.DeployAgent.Inventory;

/// <summary>A file system that cloud-init would take its data from.</summary>
/// <param name="name">Of the block device, such as <c>sdb1</c>.</param>
/// <param name="start">Its first byte on the disk.</param>
/// <param name="length">In bytes.</param>
internal sealed class FoundConfigDrive(string name, long start, long length)
{
    public string Name => name;

    public long Start => start;

    public long Length => length;
}

/// <summary>
/// Looks for config drives: VFAT or ISO 9660 with the label <c>config-2</c>, in either case, on a whole disk or a partition, as cloud-init does.
/// </summary>
internal static class ConfigDriveSearch
{
    // A disk that does not answer holds the inventory up no longer; nobody knows then what it has.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The names on each disk, in their order; null for one that does not answer.</summary>
    public static string[]?[] OnAll(Machine machine, string[] disks)
    {
        var searches = Array.ConvertAll(disks, disk => Task.Run(() => On(machine, disk)?.ConvertAll(found => found.Name).ToArray()));
        Task.WaitAll(searches, Patience);
        return Array.ConvertAll(searches, search => search.IsCompletedSuccessfully ? search.Result : null);
    }

    /// <summary>Those on one disk; null if it cannot be read.</summary>
    public static List<FoundConfigDrive>? On(Machine machine, string disk)
    {
        try
        {
            using var file = File.OpenRead(machine.PathOf($"/dev/{disk}"));
            return Places(machine, disk).FindAll(place => IsFat(file, place.Start) || IsIso(file, place.Start));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // The disk itself and its partitions, in units of 512 bytes whatever its sectors are.
    private static List<FoundConfigDrive> Places(Machine machine, string disk)
    {
        var block = $"/sys/block/{disk}";
        var places = new List<FoundConfigDrive> { new(disk, 0, (machine.Number($"{block}/size") ?? 0) * 512) };
        foreach (var name in machine.Names(block))
        {
            if (machine.Number($"{block}/{name}/partition") is not null && machine.Number($"{block}/{name}/start") is { } start)
                places.Add(new FoundConfigDrive(name, start * 512, (machine.Number($"{block}/{name}/size") ?? 0) * 512));
        }
        return places;
    }

    // Microsoft's FAT specification 1.03: the label is in the boot sector, of FAT16 or of FAT32, and an entry of the root directory, which tools may
    // have changed alone.
    private static bool IsFat(FileStream disk, long start)
    {
        if (Read(disk, start, 512) is not { } boot || boot[510] != 0x55 || boot[511] != 0xaa)
            return false;
        if (IsLabel(boot, 43, 11) || IsLabel(boot, 71, 11))
            return true;
        int sector = BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(11));
        if (sector is not (512 or 1024 or 2048 or 4096))
            return false;
        long inFat = BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(22));
        var beforeRoot = inFat != 0 ? 0 : (BinaryPrimitives.ReadUInt32LittleEndian(boot.AsSpan(44)) - 2L) * boot[13];
        inFat = inFat != 0 ? inFat : BinaryPrimitives.ReadUInt32LittleEndian(boot.AsSpan(36));
        var root = start + ((BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(14)) + (boot[16] * inFat) + beforeRoot) * sector);
        if (root < start || Read(disk, root, 512) is not { } entries)
            return false;
        for (var at = 0; at < entries.Length; at += 32)
        {
            // The entry of a label, and of no long name.
            if ((entries[at + 11] & 0x0f) == 0x08 && IsLabel(entries, at, 11))
                return true;
        }
        return false;
    }

    // ECMA-119, 8.4: the primary volume descriptor.
    private static bool IsIso(FileStream disk, long start) =>
        Read(disk, start + 32768, 512) is { } volume && volume[0] == 1 && Encoding.ASCII.GetString(volume, 1, 5) == "CD001" && IsLabel(volume, 40, 32);

    private static bool IsLabel(byte[] bytes, int at, int length) => Encoding.ASCII.GetString(bytes, at, length).TrimEnd(' ', '\0').Equals("config-2", StringComparison.OrdinalIgnoreCase);

    private static byte[]? Read(FileStream disk, long at, int count)
    {
        var bytes = new byte[count];
        disk.Position = at;
        return disk.ReadAtLeast(bytes, count, throwOnEndOfStream: false) == count ? bytes : null;
    }
}
