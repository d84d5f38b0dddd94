using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Imaging.Native;

/// <summary>The system calls that .NET does not offer: direct I/O, holes, and what block devices can do.</summary>
internal static partial class Libc
{
    // asm-generic/fcntl.h, as x86-64 and arm64 have them but for O_DIRECT.
    public const int ReadWrite = 0x2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int CloseOnExec = 0x80000;
    public static readonly int Direct = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    public const int NoEntry = 2;
    public const int Busy = 16;
    public const int InvalidArgument = 22;
    public const int NotSupported = 95;

    // linux/fs.h
    private const nuint BlkReadOnly = 0x125e;
    private const nuint BlkRereadPartitions = 0x125f;
    private const nuint BlkSectorSize = 0x1268;
    private const nuint BlkDiscard = 0x1277;
    private const nuint BlkZeroOut = 0x127f;
    private const nuint BlkSize64 = 0x80081272;
    private const nuint BlkFlushBuffers = 0x1261;

    // linux/falloc.h
    private const int KeepSize = 1;
    private const int PunchHole = 2;

    private const int DontNeed = 4;

    /// <summary>Null and the error number if it cannot be opened.</summary>
    public static SafeFileHandle? TryOpen(string path, int flags, out int error)
    {
        var descriptor = Open(path, flags | CloseOnExec, 0x1a4 /* 0644 */);
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);

    public static long SizeOfDevice(SafeFileHandle device)
    {
        Check(Control(device, BlkSize64, out long size), "BLKGETSIZE64");
        return size;
    }

    public static int SectorSizeOfDevice(SafeFileHandle device)
    {
        Check(Control(device, BlkSectorSize, out int size), "BLKSSZGET");
        return size;
    }

    public static bool IsReadOnlyDevice(SafeFileHandle device)
    {
        Check(Control(device, BlkReadOnly, out int isReadOnly), "BLKROGET");
        return isReadOnly != 0;
    }

    /// <summary>False if the device cannot do it. Zeros are what it reads afterwards, which a discard does not promise.</summary>
    public static unsafe bool TryZeroDevice(SafeFileHandle device, long offset, long length)
    {
        var range = stackalloc ulong[2] { (ulong)offset, (ulong)length };
        return Control(device, BlkZeroOut, range) == 0;
    }

    /// <summary>False if the device has no such command. What it reads afterwards is the device's own affair.</summary>
    public static unsafe bool TryDiscardDevice(SafeFileHandle device, long offset, long length)
    {
        var range = stackalloc ulong[2] { (ulong)offset, (ulong)length };
        if (Control(device, BlkDiscard, range) == 0)
            return true;
        if (Marshal.GetLastPInvokeError() == NotSupported)
            return false;
        Check(-1, "BLKDISCARD");
        return false;
    }

    /// <summary>False while a partition is in use.</summary>
    public static bool TryRereadPartitions(SafeFileHandle device) => Control(device, BlkRereadPartitions, 0) == 0;

    /// <summary>Drops what the kernel holds of the device, so that the next read asks the disk.</summary>
    public static bool TryDropDeviceCache(SafeFileHandle device) => Control(device, BlkFlushBuffers, 0) == 0;

    /// <summary>False if the file system cannot do it.</summary>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length) => Allocate(file, PunchHole | KeepSize, offset, length) == 0;

    public static void DropFileCache(SafeFileHandle file) => _ = Advise(file, 0, 0, DontNeed);

    private static void Check(int result, string call)
    {
        if (result < 0)
            throw new IOException($"{call}: {Describe(Marshal.GetLastPInvokeError())}", new Win32Exception(Marshal.GetLastPInvokeError()));
    }

    [LibraryImport("libc.so.6", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc.so.6", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, nuint request, out long value);

    [LibraryImport("libc.so.6", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, nuint request, out int value);

    [LibraryImport("libc.so.6", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Control(SafeFileHandle device, nuint request, ulong* range);

    [LibraryImport("libc.so.6", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle device, nuint request, nint nothing);

    [LibraryImport("libc.so.6", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc.so.6", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
