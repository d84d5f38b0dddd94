namespace Baremetal.Bench;

/// <summary>
/// A disk as people have them: a GPT and an ext4 of more than 1.2 GB of this machine's own files, a third of 4 GiB. Made once and kept.
/// </summary>
internal static class BenchImage
{
    private const long FileBytes = 1_300_000_000;
    private const string DiskSize = "4G";

    // What is left of 4 GiB after 1 MiB before the partition and 1 MiB behind it.
    private const string PartitionKibibytes = "4192256";

    private static readonly string[] _folders = ["/usr/bin", "/usr/share", "/usr/lib"];

    public static string Raw(string folder)
    {
        var path = Path.Combine(folder, "disk.raw");
        if (File.Exists(path))
            return path;
        Console.Error.WriteLine("bench: makes a disk image of this machine's files (once)");
        Directory.CreateDirectory(folder);
        var (staging, making) = (Path.Combine(folder, "files"), $"{path}.new");
        var list = Path.Combine(folder, "files.list");
        File.WriteAllLines(list, Choose());
        Tool.RunShell($"""
            rm -rf '{staging}' '{making}' && mkdir '{staging}'
            cpio --quiet -pdm '{staging}' < '{list}'
            truncate -s {DiskSize} '{making}'
            mkfs.ext4 -q -E offset=1048576 -d '{staging}' '{making}' {PartitionKibibytes}k
            sgdisk --clear --new=1:2048:0 --typecode=1:8300 '{making}' > /dev/null
            rm -rf '{staging}' '{list}'
            """);
        File.Move(making, path);
        return path;
    }

    public static string Qcow2(string folder, string name, string options) =>
        MadeFrom(folder, $"{name}.qcow2", (raw, path) => $"qemu-img convert -O qcow2 {options} '{raw}' '{path}'");

    public static string RawZstd(string folder) => MadeFrom(folder, "disk.raw.zst", (raw, path) => $"zstd -q -T0 -3 '{raw}' -o '{path}'");

    public static string BlockMap(string folder) => MadeFrom(folder, "disk.bmap", (raw, path) => $"bmaptool -q create '{raw}' -o '{path}'");

    private static string MadeFrom(string folder, string name, Func<string, string, string> script)
    {
        var (raw, path) = (Raw(folder), Path.Combine(folder, name));
        if (!File.Exists(path))
        {
            Tool.RunShell(script(raw, $"{path}.new"));
            File.Move($"{path}.new", path);
        }
        return path;
    }

    // In the order of their names, so that the same machine makes the same image.
    private static IEnumerable<string> Choose()
    {
        long sum = 0;
        var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true };
        foreach (var file in _folders.SelectMany(folder => Directory.EnumerateFiles(folder, "*", everything).Order(StringComparer.Ordinal)))
        {
            var size = new FileInfo(file).Length;
            // No single file is to be a large part of it.
            if (size > 50_000_000)
                continue;
            sum += size;
            if (sum > FileBytes)
                yield break;
            yield return file;
        }
    }
}
