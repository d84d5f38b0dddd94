using Baremetal.Trust;

namespace Baremetal.Imaging.Targets;

/// <summary>Opens what a path names: a disk, or a file that stands for one.</summary>
public static class BlockTarget
{
    /// <param name="path">A block device or a file.</param>
    /// <param name="sizeIfNew">Bytes of a file that does not exist yet.</param>
    public static (IBlockTarget? Target, Rejection? Rejection) Open(string path, long sizeIfNew) =>
        IsDevice(path) ? BlockDevice.Open(path) : FileTarget.Open(path, sizeIfNew);

    // By the name, or that of what a link leads to: a disk that is missing must not become a file in /dev, which is memory.
    private static bool IsDevice(string path)
    {
        var full = (File.Exists(path) ? new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName : null) ?? Path.GetFullPath(path);
        return full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal);
    }
}
