using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Baremetal.Netboot.Tests.Tftp;

/// <summary>A TFTP client that a test steers packet by packet: no tool asks for windows, or misbehaves on purpose.</summary>
internal sealed class RawTftpClient : IDisposable
{
    private const byte Block = 3;
    private const byte Options = 6;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly byte[] buffer = new byte[65_536];
    private EndPoint server;

    public RawTftpClient(IPEndPoint server)
    {
        this.server = server;
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
    }

    /// <summary>Where the last packet came from.</summary>
    public IPEndPoint Server => (IPEndPoint)server;

    public void Request(string file, params string[] options) => Send([0, 1, .. Encoding.ASCII.GetBytes(string.Join('\0', [file, "octet", .. options]) + '\0')]);

    public void Ack(int block) => Send([0, 4, (byte)(block >> 8), (byte)block]);

    public void Send(byte[] packet) => socket.SendTo(packet, server);

    /// <summary>The next packet, whose opcode must be this. Options that come again are passed over: a slow acknowledgement makes the server repeat them.</summary>
    public async Task<byte[]> NextAsync(byte opcode, CancellationToken cancel)
    {
        byte[] packet;
        do
            packet = await ReceiveAsync(opcode, cancel);
        while (packet[1] == Options && opcode == Block);
        Assert.Equal(opcode, packet[1]);
        return packet;
    }

    private async Task<byte[]> ReceiveAsync(byte opcode, CancellationToken cancel)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bounded.CancelAfter(Bound);
        try
        {
            var received = await socket.ReceiveFromAsync(buffer, server, bounded.Token);
            server = received.RemoteEndPoint;
            return buffer[..received.ReceivedBytes];
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"No packet came within {Bound.TotalSeconds} s; one with the opcode {opcode} was expected.", late);
        }
    }

    public async Task<IReadOnlyDictionary<string, string>> NextOptionsAsync(CancellationToken cancel)
    {
        var words = Encoding.ASCII.GetString((await NextAsync(Options, cancel)).AsSpan(2)).TrimEnd('\0').Split('\0');
        return words.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
    }

    public async Task<(int Block, byte[] Data)> NextBlockAsync(CancellationToken cancel)
    {
        var packet = await NextAsync(Block, cancel);
        return (BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2)), packet[4..]);
    }

    /// <summary>The server's port answers no more.</summary>
    public async Task ClosedAsync(CancellationToken cancel)
    {
        await socket.ConnectAsync(server, cancel);
        var error = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            for (var i = 0; i < 10; i++)
                await socket.SendAsync(new byte[] { 0, 4, 0, 1 }, cancel);
        });
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
    }

    public bool HasMore => socket.Available > 0;

    public void Dispose() => socket.Dispose();
}
