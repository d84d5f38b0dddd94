using System.Runtime.InteropServices;
using System.Text;

namespace Baremetal.DeployAgent.Native;

/// <summary>syslog(2): what the kernel has said, as dmesg(1) shows it.</summary>
internal static partial class KernelLog
{
    // SYSLOG_ACTION_READ_ALL and SYSLOG_ACTION_SIZE_BUFFER, linux/syslog.h
    private const int ReadAll = 3;
    private const int SizeOfBuffer = 10;

    private const int MostBytes = 1 << 20;

    /// <summary>All that the kernel's buffer holds; null where it is not ours to read.</summary>
    public static string? Read()
    {
        var size = Call(SizeOfBuffer, null, 0);
        if (size <= 0)
            return null;
        var buffer = new byte[Math.Min(size, MostBytes)];
        var count = Call(ReadAll, buffer, buffer.Length);
        return count < 0 ? null : Encoding.UTF8.GetString(buffer, 0, count);
    }

    [LibraryImport("libc", EntryPoint = "klogctl")]
    private static partial int Call(int action, [Out] byte[]? buffer, int length);
}
