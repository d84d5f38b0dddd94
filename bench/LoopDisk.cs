namespace Baremetal.Bench;

/// <summary>A disk of memory: a loop device over a file in a tmpfs, so that no disk's speed is measured.</summary>
internal sealed class LoopDisk : IDisposable
{
    private readonly string _file = $"/dev/shm/baremetal-bench-{Environment.ProcessId}.raw";

    public LoopDisk(string size)
    {
        Tool.Run("truncate", "-s", size, _file);
        Device = Tool.Run("losetup", "--find", "--show", "--direct-io=on", _file);
    }

    public string Device { get; }

    public void Dispose()
    {
        Tool.Run("losetup", "--detach", Device);
        File.Delete(_file);
    }
}
