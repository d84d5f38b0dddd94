namespace Baremetal.Bench;

/// <summary>A file of an ext4 on a disk of memory: a file system that can do direct I/O, unlike the memory's own.</summary>
internal sealed class MemoryFile : IDisposable
{
    private readonly MemoryDisk _disk;
    private readonly string _mount;

    public MemoryFile(MemoryFolder memory, long size)
    {
        _disk = new MemoryDisk(memory, "ext4", size + (size / 16));
        Tool.Run("mkfs.ext4", "-q", _disk.Device);
        _mount = Directory.CreateDirectory(System.IO.Path.Combine(memory.Path, "mount")).FullName;
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
