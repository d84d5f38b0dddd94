using System.Net;
using System.Net.Sockets;
using Baremetal.Netboot.Tftp;

namespace Baremetal.Netboot.Tests.Tftp;

/// <summary>The TFTP server on the loopback interface, at a port of its own.</summary>
internal sealed class LoopbackTftp : IAsyncDisposable
{
    private static readonly NetworkLink Loopback = new("lo", 1, default, Ipv4.Parse("127.0.0.1"), 8, 1500);

    private readonly CancellationTokenSource stop = new();
    private readonly Socket listener = Loopback.OpenUdp(IPAddress.Loopback, 0);
    private readonly TftpServer server;
    private readonly Task running;

    public LoopbackTftp(TftpOptions? options = null, TimeProvider? time = null)
    {
        Small = Bytes(100_000, 1);
        Files["loader"] = Small;
        server = new TftpServer(Loopback, Files, options ?? new TftpOptions(), time ?? TimeProvider.System, Log);
        running = RunAsync();
    }

    public LogLines Log { get; } = new();

    public Dictionary<string, ReadOnlyMemory<byte>> Files { get; } = [];

    /// <summary>What <c>loader</c> holds.</summary>
    public byte[] Small { get; }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndPoint!;

    public static byte[] Bytes(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        listener.Dispose();
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
                await server.AnswerNextAsync(listener, stop.Token);
        }
        catch (OperationCanceledException)
        {
            await server.EndAsync();
        }
    }
}
