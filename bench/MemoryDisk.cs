using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Bench;

/// <summary>
/// A disk of memory: a loop device with direct I/O over a file, so that no disk's speed is measured. It is detached at once and lives as long
/// as it is held open: whatever ends the benchmark takes it along.
/// </summary>
internal sealed class MemoryDisk : IDisposable
{
    private readonly string _file;
    private readonly SafeFileHandle _hold;

    public MemoryDisk(MemoryFolder memory, string name, long size)
    {
        _file = Path.Combine(memory.Path, name);
        using (var file = File.Create(_file))
            file.SetLength(size);
        Device = Tool.Run("losetup", "--find", "--show", "--direct-io=on", _file);
        _hold = File.OpenHandle(Device, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Tool.Run("losetup", "--detach", Device);
    }

    public string Device { get; }

    /// <summary>Gives every byte of the disk its memory. Who writes zeros onto holes pays for the memory, which no disk has to do.</summary>
    public void Fill() => Tool.Run("fallocate", "--length", new FileInfo(_file).Length.ToString(CultureInfo.InvariantCulture), _file);

    public void Dispose()
    {
        _hold.Dispose();
        File.Delete(_file);
    }
}
