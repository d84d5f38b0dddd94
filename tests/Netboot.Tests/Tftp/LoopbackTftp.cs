using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Baremetal.Netboot.Tftp;

namespace Baremetal.Netboot.Tests.Tftp;

/// <summary>The TFTP server on the loopback interface, at a port of its own.</summary>
internal sealed class LoopbackTftp : IBootPolicy, IAsyncDisposable
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
        server = new TftpServer(Loopback, Files, options ?? new TftpOptions(), this, time ?? TimeProvider.System, Log);
        running = RunAsync();
    }

    public LogLines Log { get; } = new();

    /// <summary>What the server said to have sent whole.</summary>
    public ConcurrentQueue<(IPAddress Client, string File)> SentFiles { get; } = [];

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

    public BootChoice Choose(Machine machine) => throw new InvalidOperationException("TFTP asks nobody");

    public void Seen(Sighting sighting) => throw new InvalidOperationException("TFTP sees nobody");

    public void Sent(IPAddress client, string file) => SentFiles.Enqueue((client, file));

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
