using System.Runtime.InteropServices;

namespace Baremetal.DeployAgent.Native;

/// <summary>
/// realpath(3). .NET's own link resolution joins a relative target to the link's path as it was written, which is wrong below
/// <c>/sys/class</c>, where the directories on the way are links themselves.
/// </summary>
internal static partial class RealPath
{
    /// <summary>Null if nothing is there.</summary>
    public static string? Of(string path)
    {
        var resolved = Resolve(path, 0);
        if (resolved == 0)
            return null;
        try
        {
            return Marshal.PtrToStringUTF8(resolved);
        }
        finally
        {
            Free(resolved);
        }
    }

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Resolve(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);
}
