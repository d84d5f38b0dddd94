using System.Net;
using System.Net.Sockets;

namespace Baremetal.Netboot.Tests.Tftp;

/// <summary>
/// Stands between one client and the server and loses, repeats and delays packets of both. The request itself it lets through: when to ask
/// again is the client's business.
/// </summary>
internal sealed class LossyRelay : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Socket near = Bound();
    private readonly Socket far = Bound();
    private readonly Random random;
    private readonly Lock gate = new();
    private readonly Task running;
    private EndPoint server;
    private EndPoint? client;

    public LossyRelay(IPEndPoint server, int seed)
    {
        this.server = server;
        random = new Random(seed);
        running = Task.WhenAll(RunAsync(near, FromClient), RunAsync(far, FromServer));
    }

    public int Port => ((IPEndPoint)near.LocalEndPoint!).Port;

    public int Lost { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        near.Dispose();
        far.Dispose();
        stop.Dispose();
    }

    private static Socket Bound()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private async Task RunAsync(Socket socket, Action<byte[], EndPoint> pass)
    {
        var buffer = new byte[65_536];
        try
        {
            while (true)
            {
                var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), stop.Token);
                lock (gate)
                    pass(buffer[..received.ReceivedBytes], received.RemoteEndPoint);
            }
        }
        catch (OperationCanceledException)
        {
            // the test is over
        }
    }

    private void FromClient(byte[] packet, EndPoint from)
    {
        client = from;
        for (var copies = packet[1] == 1 ? 1 : Copies(); copies > 0; copies--)
            far.SendTo(packet, server);
    }

    private void FromServer(byte[] packet, EndPoint from)
    {
        server = from; // the transfer's own port
        for (var copies = Copies(); copies > 0; copies--)
            near.SendTo(packet, client!);
    }

    /// <summary>One in eight is lost, one in sixteen comes twice.</summary>
    private int Copies()
    {
        var chance = random.Next(16);
        Lost += chance < 2 ? 1 : 0;
        return chance < 2 ? 0 : chance == 2 ? 2 : 1;
    }
}
