namespace Baremetal.Imaging.Targets;

/// <summary>Says who holds a disk, from what the kernel tells.</summary>
internal static class DeviceUsers
{
    /// <summary>To follow "is in use": <c> (/dev/sda2 is mounted at /boot, md0 is built on it)</c>, or nothing.</summary>
    public static string Describe(string path)
    {
        try
        {
            var disk = SysBlock.NameOf(path);
            string[] parts = [disk, .. Directory.EnumerateDirectories(SysBlock.FolderOf(disk), $"{disk}*").Select(part => Path.GetFileName(part)!)];
            string[] users =
            [
                .. Mounted(parts),
                .. parts.SelectMany(part => Holders($"{SysBlock.FolderOf(part)}/holders")).Select(holder => $"{holder} is built on it"),
                .. File.ReadLines("/proc/swaps").Select(line => line.Split(' ')[0]).Where(swap => parts.Contains(Path.GetFileName(swap))).Select(swap => $"{swap} is swap"),
            ];
            return users.Length == 0 ? "" : $" ({string.Join(", ", users)})";
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static IEnumerable<string> Mounted(string[] parts) =>
        from line in File.ReadLines("/proc/self/mounts")
        let fields = line.Split(' ')
        where fields[0].StartsWith("/dev/", StringComparison.Ordinal) && parts.Contains(Path.GetFileName(fields[0]))
        select $"{fields[0]} is mounted at {fields[1]}";

    private static IEnumerable<string> Holders(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(holder => Path.GetFileName(holder)) : [];
}
