namespace Baremetal.Imaging.Targets;

/// <summary>What the kernel tells of a disk under <c>/sys/class/block</c>.</summary>
internal static class SysBlock
{
    /// <summary>The disk's name there: <c>sda</c> for <c>/dev/disk/by-id/…</c>.</summary>
    public static string NameOf(string path) => Path.GetFileName(new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path);

    public static string FolderOf(string name) => $"/sys/class/block/{name}";

    /// <summary>The loop device that shows this file as a disk; null if none does. Whoever uses that disk would not see who writes to the file.</summary>
    public static string? LoopOver(string file)
    {
        try
        {
            var path = new FileInfo(file).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(file);
            return Directory.EnumerateDirectories("/sys/class/block", "loop*")
                .Where(loop => File.Exists($"{loop}/loop/backing_file") && File.ReadAllText($"{loop}/loop/backing_file").TrimEnd('\n') == path)
                .Select(loop => $"/dev/{Path.GetFileName(loop)}")
                .FirstOrDefault();
        }
        catch (IOException)
        {
            // Detached at this moment, or a system that tells nothing.
            return null;
        }
    }

    /// <summary>Whether it has a command to zero a range; else the kernel sends it the zeros. A partition has its disk's, and says nothing itself.</summary>
    public static bool ZerosByItself(string path) => Queue(path, "write_zeroes_max_bytes") is not (null or "0");

    /// <summary>Whether it moves heads; what says nothing about it may.</summary>
    public static bool HasHeads(string path) => Queue(path, "rotational") is not "0";

    private static string? Queue(string path, string attribute)
    {
        try
        {
            return File.ReadAllText($"{FolderOf(NameOf(path))}/queue/{attribute}").Trim();
        }
        catch (IOException)
        {
            return null;
        }
    }
}
