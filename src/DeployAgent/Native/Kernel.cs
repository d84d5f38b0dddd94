using System.Runtime.InteropServices;

namespace Baremetal.DeployAgent.Native;

/// <summary>reboot(2), for a ramdisk in which no init system would do it.</summary>
internal static partial class Kernel
{
    // LINUX_REBOOT_CMD_RESTART, linux/reboot.h
    private const int CommandRestart = 0x01234567;

    /// <summary>Writes out what the kernel still holds, and restarts the machine. Returns only if that was refused.</summary>
    public static void Restart()
    {
        Sync();
        if (Reboot(CommandRestart) != 0)
            throw new IOException($"The kernel refuses to restart the machine: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    [LibraryImport("libc", EntryPoint = "sync")]
    private static partial void Sync();

    [LibraryImport("libc", EntryPoint = "reboot", SetLastError = true)]
    private static partial int Reboot(int command);
}
