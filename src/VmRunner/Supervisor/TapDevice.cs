using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>The guest's end of its cable: a tap, opened here so that QEMU needs neither the device nor the right to it, and left open for it to inherit.</summary>
internal static partial class TapDevice
{
    private const string Device = "/dev/net/tun";

    private const int OpenReadWrite = 2;
    private const nuint SetInterface = 0x400454ca; // TUNSETIFF, linux/if_tun.h
    private const short Tap = 0x0002, NoPacketInformation = 0x1000, OffloadHeader = 0x4000;

    private const int NameLength = 16;
    private const int RequestLength = 40; // struct ifreq

    /// <returns>Its descriptor, which children inherit.</returns>
    public static unsafe int Open(string name)
    {
        Span<byte> request = stackalloc byte[RequestLength];
        request.Clear();
        Encoding.ASCII.GetBytes(name, request[..(NameLength - 1)]);
        MemoryMarshal.Write(request[NameLength..], (short)(Tap | NoPacketInformation | OffloadHeader));
        // Not closed on exec, which is what makes it QEMU's.
        var descriptor = Open(Device, OpenReadWrite);
        if (descriptor < 0)
            throw Failed();
        fixed (byte* at = request)
        {
            if (Ioctl(descriptor, SetInterface, at) != 0)
                throw Failed();
        }
        return descriptor;
    }

    private static IOException Failed() => new($"{Device}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Ioctl(int descriptor, nuint request, byte* argument);
}
