using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.VmRunner.Host;

/// <summary>open(2) with what .NET has no word for: what a container made is opened as what it is, never by way of a link that it put there.</summary>
internal static partial class HostFile
{
    // asm-generic/fcntl.h
    public const int ReadWrite = 0x2;
    public const int Folder = 0x10000 | CloseOnExec;
    public const int PathOnly = 0x200000 | NoFollow | CloseOnExec;

    /// <summary>A plain file, to read; one that is a pipe instead keeps nobody waiting.</summary>
    public const int Data = NonBlocking | NoFollow | CloseOnExec;

    private const int NonBlocking = 0x800;
    private const int NoFollow = 0x20000;
    private const int CloseOnExec = 0x80000;

    /// <summary>Throws an <see cref="IOException"/>.</summary>
    public static SafeFileHandle Open(string path, int flags)
    {
        var handle = OpenFile(path, flags, 0);
        if (!handle.IsInvalid)
            return handle;
        handle.Dispose();
        throw new IOException($"{path}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
    }

    public static void Flush(SafeFileHandle handle)
    {
        if (Sync(handle) != 0)
            throw new IOException($"fsync: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle OpenFile(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(SafeFileHandle handle);
}
