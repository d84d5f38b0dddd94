using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Baremetal.VmRunner.Supervisor.Metadata;

/// <summary>
/// The metadata service of a single guest, by as much HTTP/1.1 as that takes: one request a connection, whose head is all that is read. The guest
/// may be hostile: it gets so many connections, each for so long and with so much to say.
/// </summary>
internal sealed class MetadataServer(MetadataTree tree, TimeSpan patience)
{
    public const int MostConnections = 8;

    private const string TokenPath = "/latest/api/token";
    private const string TokenSecondsHeader = "X-aws-ec2-metadata-token-ttl-seconds";
    private const int MostTokenSeconds = 6 * 60 * 60;

    // What is read of a body that nobody wanted, so that the answer is not lost with it (RFC 9112 §9.6).
    private const int MostDrained = 64 << 10;

    /// <summary>Answers until it is told to stop; whoever is connected then is let go.</summary>
    /// <param name="door">Listening.</param>
    public async Task ServeAsync(Socket door, CancellationToken stop)
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.RemoveAll(one => one.IsCompleted);
                // The kernel keeps those who wait, as few as the listener said.
                if (connections.Count == MostConnections)
                    await Task.WhenAny(connections).WaitAsync(stop);
                else if (await AcceptAsync(door, stop) is { } connection)
                    connections.Add(AnswerAsync(connection, stop));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    /// <summary>What a request is told.</summary>
    internal HttpResponse Answer(HttpRequest request) => request switch
    {
        // A proxy in the guest that strangers can reach: EC2's service refuses its requests for tokens, this one refuses all.
        { IsForwarded: true } => HttpResponse.Refusal("403 Forbidden", "What a proxy passes on (X-Forwarded-For) is not answered."),
        { HasBody: true } => HttpResponse.Refusal("400 Bad Request", "A request has no body here."),
        { Path: TokenPath, Method: "PUT" } => Token(request.TokenSeconds),
        { Path: TokenPath } => HttpResponse.Refusal("405 Method Not Allowed", "A token is asked for by PUT.", "Allow: PUT"),
        { Method: not ("GET" or "HEAD") } => HttpResponse.Refusal("405 Method Not Allowed", "Metadata is read by GET.", "Allow: GET, HEAD"),
        _ => tree.Find(request.Path) ?? HttpResponse.Refusal("404 Not Found", "There is nothing here; /latest/meta-data/ and /openstack list what there is."),
    };

    // IMDSv2's session: a token is given to who asks so, and none is needed, since nobody but the guest gets here.
    private static HttpResponse Token(string? seconds) =>
        int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MostTokenSeconds
            ? HttpResponse.Ok(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))), header: $"{TokenSecondsHeader}: {number}")
            : HttpResponse.Refusal("400 Bad Request", $"{TokenSecondsHeader} must be 1 to {MostTokenSeconds}.");

    private static async Task<Socket?> AcceptAsync(Socket door, CancellationToken stop)
    {
        try
        {
            return await door.AcceptAsync(stop);
        }
        catch (SocketException)
        {
            // It hung up before it was let in.
            return null;
        }
    }

    private async Task AnswerAsync(Socket connection, CancellationToken stop)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(stop);
        bounded.CancelAfter(patience);
        try
        {
            var buffer = new byte[HttpRequest.MostBytes];
            var (head, request, length) = (HttpHead.Partial, (HttpRequest?)null, 0);
            while (head == HttpHead.Partial && length < buffer.Length)
            {
                var read = await connection.ReceiveAsync(buffer.AsMemory(length), bounded.Token);
                if (read == 0)
                    return;
                length += read;
                head = HttpRequest.Parse(buffer.AsSpan(0, length), out request);
            }
            var response = head switch
            {
                HttpHead.Complete => Answer(request!),
                HttpHead.Partial => HttpResponse.Refusal("431 Request Header Fields Too Large", $"A request has at most {HttpRequest.MostBytes} bytes."),
                HttpHead.OtherVersion => HttpResponse.Refusal("505 HTTP Version Not Supported", "HTTP/1.1 is spoken here."),
                _ => HttpResponse.Refusal("400 Bad Request", "This is no HTTP."),
            };
            for (ReadOnlyMemory<byte> left = response.ToBytes(request?.Method != "HEAD"); left.Length > 0;)
                left = left[await connection.SendAsync(left, bounded.Token)..];
            connection.Shutdown(SocketShutdown.Send);
            for (int drained = 0, read; drained < MostDrained && (read = await connection.ReceiveAsync(buffer, bounded.Token)) > 0; drained += read)
            {
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // It hung up, or was too slow.
        }
        finally
        {
            connection.Dispose();
        }
    }
}
