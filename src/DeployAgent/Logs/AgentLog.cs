using System.Text;

namespace Baremetal.DeployAgent.Logs;

/// <summary>
/// What agents of this boot have said, in <c>/run/agent/log</c>: it outlives an agent that crashes, and the next one tells the conductor. ramdisk/init
/// writes there too: what a crash left on standard error, and how the agent ended.
/// </summary>
public sealed class AgentLog(Machine machine)
{
    // It lies in memory, and an agent may wait for its order for weeks.
    private const int MostBytes = 256 << 10;
    private const int KeptBytes = 64 << 10;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _path = machine.PathOf("/run/agent/log");
    private readonly Lock _gate = new();

    /// <summary>Another agent of this boot ended before this one began.</summary>
    public bool HasPredecessor { get; } = File.Exists(machine.PathOf("/run/agent/log"));

    /// <summary>Each line with the seconds since the kernel started, as the kernel's own have them.</summary>
    public void Append(string line)
    {
        lock (_gate)
        {
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(_path)!, OwnerOnly | UnixFileMode.UserExecute);
                using (var file = new FileStream(_path, new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
                    file.Write(Encoding.UTF8.GetBytes($"[{machine.Text("/proc/uptime")?.Split(' ')[0],9}] {line}\n"));
                if (new FileInfo(_path).Length > MostBytes)
                    File.WriteAllBytes(_path, File.ReadAllBytes(_path)[^KeptBytes..]);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // No deploy fails for want of its log.
            }
        }
    }

    /// <summary>The whole of it, or null.</summary>
    public string? Read()
    {
        lock (_gate)
            return machine.Bytes("/run/agent/log") is { } bytes ? Encoding.UTF8.GetString(bytes) : null;
    }
}
