namespace Baremetal.Imaging.Targets;

/// <summary>What the kernel tells of a disk under <c>/sys/class/block</c>.</summary>
internal static class SysBlock
{
    /// <summary>The disk's name there: <c>sda</c> for <c>/dev/disk/by-id/…</c>.</summary>
    public static string NameOf(string path) => Path.GetFileName(new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path);

    public static string FolderOf(string name) => $"/sys/class/block/{name}";

    /// <summary>Whether it has a command to zero a range; else the kernel sends it the zeros. A partition has its disk's, and says nothing itself.</summary>
    public static bool ZerosByItself(string path)
    {
        try
        {
            return File.ReadAllText($"{FolderOf(NameOf(path))}/queue/write_zeroes_max_bytes").AsSpan().Trim() is not "0";
        }
        catch (IOException)
        {
            return false;
        }
    }
}
