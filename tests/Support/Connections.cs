using System.Net.Sockets;

namespace Baremetal.Support;

/// <summary>The connections of a test's server, each served on its own until the test is over.</summary>
internal static class Connections
{
    public static async Task AcceptAsync(TcpListener listener, Func<Socket, CancellationToken, Task> serve, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync(stop);
                _ = Task.Run(() => serve(client, stop), stop);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed: the test is over.
        }
    }
}
