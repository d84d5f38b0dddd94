namespace Baremetal.Bench;

/// <summary>A file of an ext4 on a disk of memory: a file system that can do direct I/O, unlike the memory's own.</summary>
internal sealed class MemoryFile : IDisposable
{
    private readonly MemoryDisk _disk;
    private readonly string _mount;

    /// <param name="memory">Where the disk is.</param>
    /// <param name="mount">Outside of it: a mount inside would hold the memory that holds it, and neither would ever go.</param>
    /// <param name="size">Of the file.</param>
    public MemoryFile(MemoryFolder memory, string mount, long size)
    {
        _disk = new MemoryDisk(memory, "ext4", size + (size / 16));
        Tool.Run("mkfs.ext4", "-q", _disk.Device);
        _mount = Directory.CreateDirectory(mount).FullName;
        Tool.Run("mount", _disk.Device, _mount);
        Path = System.IO.Path.Combine(_mount, "disk.raw");
        using var file = File.Create(Path);
        file.SetLength(size);
    }

    public string Path { get; }

    public void Dispose()
    {
        Tool.Run("umount", _mount);
        _disk.Dispose();
    }
}
