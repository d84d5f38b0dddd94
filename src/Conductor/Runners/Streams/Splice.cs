using System.Net.WebSockets;

namespace Baremetal.Conductor.Runners.Streams;

/// <summary>
/// Two WebSockets as one. Each direction has one buffer, and reads on when what it read was taken: a slow reader slows the writer, and nothing piles up here.
/// </summary>
internal static class Splice
{
    public const int BufferBytes = 16 << 10;

    private const string BrokeOff = "The other end broke off.";

    /// <summary>How long the one end has to answer that the other has closed.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    public static async Task BothWaysAsync(WebSocket one, WebSocket other, TimeProvider time, CancellationToken end)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(end);
        var there = OneWayAsync(one, other, over.Token);
        var back = OneWayAsync(other, one, over.Token);
        await Task.WhenAny(there, back);
        await Task.WhenAny(Task.WhenAll(there, back), Task.Delay(Farewell, time, end));
        await over.CancelAsync();
        await Task.WhenAll(there, back);
    }

    /// <summary>Ends when either has: an orderly end is passed on as it was said, and that one broke off is said to the other.</summary>
    private static async Task OneWayAsync(WebSocket from, WebSocket to, CancellationToken end)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult read;
                try
                {
                    read = await from.ReceiveAsync(buffer.AsMemory(), end);
                }
                catch (WebSocketException)
                {
                    await to.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, BrokeOff, end);
                    return;
                }
                if (read.MessageType == WebSocketMessageType.Close)
                {
                    await CloseAsync(to, from.CloseStatus, from.CloseStatusDescription, end);
                    return;
                }
                await to.SendAsync(buffer.AsMemory(0, read.Count), WebSocketMessageType.Binary, read.EndOfMessage, end);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or ArgumentException)
        {
            // The other end has gone, or all is over: the other direction says so where there is somebody to hear it.
        }
    }

    private static Task CloseAsync(WebSocket to, WebSocketCloseStatus? status, string? why, CancellationToken end) =>
        // 1005 is said by saying nothing, and is what no end may say.
        status is null or WebSocketCloseStatus.Empty ? to.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, end) : to.CloseOutputAsync(status.Value, why, end);
}
