using System.Net.Sockets;
using System.Text;

namespace Baremetal.VmRunner.Host;

/// <summary>systemd's notify protocol (sd_notify(3)).</summary>
internal static class ServiceNotice
{
    public const string Ready = "READY=1";
    public const string Stopping = "STOPPING=1";

    public static void Say(string state)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 0 } path)
            return;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        // '@' stands for the zero byte of an abstract name.
        socket.Connect(new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
        socket.Send(Encoding.ASCII.GetBytes(state));
    }
}
