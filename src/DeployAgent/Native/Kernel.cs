using System.Runtime.InteropServices;
using System.Text;

namespace Baremetal.DeployAgent.Native;

/// <summary>reboot(2) and kexec_file_load(2), for a ramdisk in which no init system would do it.</summary>
internal static partial class Kernel
{
    // linux/reboot.h: LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_KEXEC
    private const int CommandRestart = 0x01234567;
    private const int CommandKexec = 0x45584543;

    // asm/unistd_64.h of x86_64; of other processors, asm-generic/unistd.h. glibc has no function for it.
    private static readonly nint KexecFileLoad = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 320 : 294;

    /// <summary>Writes out what the kernel still holds, and starts the one that was loaded. Returns only if that was refused.</summary>
    public static void StartLoaded()
    {
        Sync();
        _ = Reboot(CommandKexec);
    }

    /// <summary>Writes out what the kernel still holds, and restarts the machine. Returns only if that was refused.</summary>
    public static void Restart()
    {
        Sync();
        if (Reboot(CommandRestart) != 0)
            throw new IOException($"The kernel refuses to restart the machine: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    /// <summary>Loads a kernel for the next restart. The ramdisk of either is not needed after that.</summary>
    public static void Load(string kernel, string ramdisk, string commandLine)
    {
        using var kernelFile = File.OpenHandle(kernel);
        using var ramdiskFile = File.OpenHandle(ramdisk);
        var arguments = Encoding.UTF8.GetBytes(commandLine + "\0");
        if (Syscall(KexecFileLoad, kernelFile.DangerousGetHandle(), ramdiskFile.DangerousGetHandle(), arguments.Length, arguments, 0) != 0)
            throw new IOException($"kexec_file_load: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "sync")]
    private static partial void Sync();

    [LibraryImport("libc", EntryPoint = "reboot", SetLastError = true)]
    private static partial int Reboot(int command);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint kernel, nint ramdisk, nint commandLineLength, byte[] commandLine, nint flags);
}
