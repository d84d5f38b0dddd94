namespace Baremetal.Bench;

/// <summary>A disk of memory: a loop device with direct I/O over a file, so that no disk's speed is measured.</summary>
internal sealed class MemoryDisk : IDisposable
{
    private readonly string _file;

    public MemoryDisk(MemoryFolder memory, string name, long size)
    {
        _file = Path.Combine(memory.Path, name);
        using (var file = File.Create(_file))
            file.SetLength(size);
        Device = Tool.Run("losetup", "--find", "--show", "--direct-io=on", _file);
    }

    public string Device { get; }

    /// <summary>Gives every byte of the disk its memory. Who writes zeros onto holes pays for the memory, which no disk has to do.</summary>
    public void Fill() => Tool.Run("fallocate", "--length", new FileInfo(_file).Length.ToString(System.Globalization.CultureInfo.InvariantCulture), _file);

    public void Dispose()
    {
        Tool.Run("losetup", "--detach", Device);
        File.Delete(_file);
    }
}
