using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Baremetal.Support;

/// <summary>One request that a <see cref="ScriptedServer"/> got: its number in all and on its connection (1, 2, …), its head, and the range that it asks for.</summary>
public sealed record ScriptedRequest(int Number, int OnConnection, string Head, int From, int To);

/// <summary>
/// A server on a loopback port whose answers a test writes itself, byte by byte, also those that no web server gives. It takes no care of HTTP:
/// after an answer it goes on with the connection's next request, until the answer says false or the client leaves.
/// </summary>
public sealed class ScriptedServer : IDisposable
{
    private readonly Func<ScriptedRequest, Stream, CancellationToken, Task<bool>> _answer;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private int _requests;
    private int _connections;

    public ScriptedServer(Func<ScriptedRequest, Stream, CancellationToken, Task<bool>> answer, IPAddress? address = null)
    {
        _answer = answer;
        _listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        _listener.Start();
        _ = Support.Connections.AcceptAsync(_listener, ServeAsync, _stop.Token);
    }

    /// <summary>Answers each request with some bytes.</summary>
    public static ScriptedServer Of(Func<ScriptedRequest, byte[]> answer, bool closes = false) => new(async (request, stream, stop) =>
    {
        await stream.WriteAsync(answer(request), stop);
        return !closes;
    });

    public Uri Address => new($"http://{_listener.LocalEndpoint}/image");

    public int Requests => Volatile.Read(ref _requests);

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>A head, given line by line, and what follows it.</summary>
    public static byte[] Http(ReadOnlySpan<byte> body, params string[] head) => [.. Encoding.ASCII.GetBytes(string.Join("\r\n", head) + "\r\n\r\n"), .. body];

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync(Socket client, CancellationToken stop)
    {
        Interlocked.Increment(ref _connections);
        using var _ = client;
        await using var stream = new NetworkStream(client);
        try
        {
            for (var onConnection = 1; await ReadHeadAsync(stream, stop) is { Length: > 0 } head; onConnection++)
            {
                var range = head.Split("\r\n").FirstOrDefault(line => line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))?["Range: bytes=".Length..].Split('-') ?? ["0", "-1"];
                var request = new ScriptedRequest(Interlocked.Increment(ref _requests), onConnection, head, int.Parse(range[0]), int.Parse(range[1]));
                if (await _answer(request, stream, stop))
                    continue;
                // Closed with a request unread it would be a reset, which takes with it what the client has not read yet.
                client.Shutdown(SocketShutdown.Send);
                await stream.CopyToAsync(Stream.Null, stop);
                return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // The client left, as it may.
        }
    }

    private static async Task<string> ReadHeadAsync(Stream stream, CancellationToken stop)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, stop) == 0)
                return "";
            head.Append((char)one[0]);
        }
        return head.ToString();
    }
}
