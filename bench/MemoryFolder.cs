namespace Baremetal.Bench;

/// <summary>
/// A file system of memory, in huge pages: the kernel's work for small ones would be measured with everything that is written. The benchmark has
/// a mount namespace of its own (bench.sh), so the path is nobody else's and the memory is given back however it ends.
/// </summary>
internal sealed class MemoryFolder : IDisposable
{
    public MemoryFolder(string path)
    {
        Path = Directory.CreateDirectory(path).FullName;
        Tool.Run("mount", "-t", "tmpfs", "-o", "size=80%,huge=always", "bench", Path);
    }

    public string Path { get; }

    public void Dispose() => Tool.Run("umount", Path);
}
