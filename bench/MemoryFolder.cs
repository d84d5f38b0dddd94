namespace Baremetal.Bench;

/// <summary>
/// A file system of memory, in huge pages: the kernel's work for small ones would be measured with everything that is written. The memory is
/// given back at the end.
/// </summary>
internal sealed class MemoryFolder : IDisposable
{
    public MemoryFolder()
    {
        Path = Directory.CreateTempSubdirectory("baremetal-bench-").FullName;
        Tool.Run("mount", "-t", "tmpfs", "-o", "size=80%,huge=always", "bench", Path);
    }

    public string Path { get; }

    public void Dispose()
    {
        Tool.Run("umount", Path);
        Directory.Delete(Path);
    }
}
