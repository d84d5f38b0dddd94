using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Baremetal.Lab;

/// <summary>What the lab asks of the kernel and the base library has no call for.</summary>
internal static partial class Native
{
    private const int CloneNewNet = 0x4000_0000;

    // FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE (linux/falloc.h).
    private const int PunchHoleAndKeepSize = 0b11;

    /// <summary>Moves the calling thread, and it alone, into a network namespace (setns(2)).</summary>
    public static void EnterNetworkNamespace(SafeHandle openNamespace)
    {
        if (SetNs(openNamespace, CloneNewNet) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Sends a signal by its Linux number; false when the process is gone.</summary>
    public static bool Signal(int pid, int signal) => Kill(pid, signal) == 0;

    /// <summary>Makes a stretch of a file read as zeros and gives its room back (fallocate(2)).</summary>
    public static void PunchHole(SafeHandle file, long offset, long length)
    {
        if (FAllocate(file, PunchHoleAndKeepSize, offset, length) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(SafeHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNs(SafeHandle fd, int type);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
