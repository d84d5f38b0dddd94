using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Net.WebSockets;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.VmRunner.Host;

/// <summary>What somebody wants to look at, passed on to the conductor: logs, consoles, screens. Nothing is kept but one buffer a direction.</summary>
internal sealed class StreamDoor(Engine engine, StateFolder state, Func<string, ContainerView?> containerOf, HostLog log)
{
    private const int BufferBytes = 16 << 10;
    private const int MostStreams = 64;

    // As long as the conductor holds a place for it.
    private static readonly TimeSpan _opening = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _closing = TimeSpan.FromSeconds(5);

    // A console that is not there yet is waited for: a quarter of a second, so often.
    private static readonly TimeSpan _soon = TimeSpan.FromSeconds(0.25);
    private const int MostAttempts = 40;

    private readonly ConcurrentDictionary<string, Task> _open = new(StringComparer.Ordinal);

    /// <summary>Serves it beside everything else. The same one ordered again changes nothing.</summary>
    public void Open(StreamOrder order, RunnerClient client, CancellationToken cancel)
    {
        if (_open.Count >= MostStreams)
            log.SayOnce("streams", $"There are {MostStreams} streams open, and no more are opened.");
        else
            _ = _open.GetOrAdd(order.Id, id => Task.Run(() => ServeAsync(order, client, cancel), CancellationToken.None));
    }

    private async Task ServeAsync(StreamOrder order, RunnerClient client, CancellationToken cancel)
    {
        try
        {
            using var opening = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            opening.CancelAfter(_opening);
            using var socket = await client.OpenStreamAsync(order.Id, opening.Token);
            var end = await PassAsync(order, socket, cancel);
            using var closing = new CancellationTokenSource(_closing);
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseAsync(end is null ? WebSocketCloseStatus.NormalClosure : WebSocketCloseStatus.InternalServerError, end, closing.Token);
        }
        catch (Exception e) when (e is WebSocketException or HttpRequestException or IOException or SocketException or OperationCanceledException)
        {
            if (!cancel.IsCancellationRequested)
                log.Say($"A stream of VM {order.Vm} broke off: {e.Message}");
        }
        finally
        {
            _open.TryRemove(order.Id, out _);
        }
    }

    /// <returns>Why there is nothing to see, or null.</returns>
    private async Task<string?> PassAsync(StreamOrder order, WebSocket socket, CancellationToken cancel)
    {
        if (!VmFolder.IsId(order.Vm) || containerOf(order.Vm) is not { } container)
            return "The VM has not been started yet.";
        var folder = new VmFolder(state, order.Vm);
        try
        {
            switch (order.Kind)
            {
                case VmView.Logs:
                    await SendLogsAsync(container.Id, socket, cancel);
                    return null;
                case VmView.ConsoleLog:
                    foreach (var name in new[] { "console.log.1", "console.log" })
                        await SendFileAsync(Path.Combine(folder.Image, name), socket, cancel);
                    return null;
                case var _ when !container.IsRunning:
                    return "The VM does not run.";
                default:
                    await SpliceAsync(Path.Combine(folder.Doors, container.Id, order.Kind == VmView.Vnc ? "vnc" : "console"), socket, cancel);
                    return null;
            }
        }
        catch (Exception e) when (e is SocketException or EngineException || e is IOException or NotSupportedException)
        {
            log.Say($"Nothing can be shown of VM {order.Vm}: {e.Message}");
            return container.IsRunning ? "The VM does not answer there; it may just be starting." : "The VM does not run.";
        }
    }

    private async Task SendLogsAsync(string container, WebSocket socket, CancellationToken cancel)
    {
        using var process = engine.Start("logs", container);
        try
        {
            process.StandardInput.Close();
            using var one = new SemaphoreSlim(1);
            await Task.WhenAll(SendAsync(process.StandardOutput.BaseStream), SendAsync(process.StandardError.BaseStream));

            async Task SendAsync(Stream stream)
            {
                var buffer = new byte[BufferBytes];
                int read;
                while ((read = await stream.ReadAsync(buffer, cancel)) > 0)
                {
                    await one.WaitAsync(cancel);
                    try
                    {
                        await socket.SendAsync(buffer.AsMemory(0, read), WebSocketMessageType.Binary, endOfMessage: true, cancel);
                    }
                    finally
                    {
                        one.Release();
                    }
                }
            }
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private static async Task SendFileAsync(string path, WebSocket socket, CancellationToken cancel)
    {
        if (!File.Exists(path))
            return;
        using var handle = HostFile.Open(path, HostFile.Data);
        var buffer = new byte[BufferBytes];
        // As long as it was when somebody looked: a guest that talks without an end does not hold this open.
        var length = RandomAccess.GetLength(handle);
        for (long at = 0; at < length;)
        {
            var read = await RandomAccess.ReadAsync(handle, buffer, at, cancel);
            if (read == 0)
                return;
            await socket.SendAsync(buffer.AsMemory(0, read), WebSocketMessageType.Binary, endOfMessage: true, cancel);
            at += read;
        }
    }

    private static async Task SpliceAsync(string path, WebSocket socket, CancellationToken cancel)
    {
        using var line = await ConnectAsync(path, cancel);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var directions = new[] { ToConductorAsync(line, socket, either.Token), ToGuestAsync(socket, line, either.Token) };
        // The end of one is the other's: the guest's is told to the conductor, the conductor's to the guest's console.
        if (await Task.WhenAny(directions) == directions[1])
            line.Dispose();
        else if (socket.State == WebSocketState.Open)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, either.Token);
        either.CancelAfter(_closing);
        try
        {
            await Task.WhenAll(directions);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException or WebSocketException && !cancel.IsCancellationRequested)
        {
            // As meant.
        }
    }

    private static async Task<Socket> ConnectAsync(string path, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            var line = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                // By its inode: the container made it, and a link in its place is not followed. A socket's name is too short for our paths, besides.
                using var door = HostFile.Open(path, HostFile.PathOnly);
                await line.ConnectAsync(new UnixDomainSocketEndPoint($"/proc/self/fd/{door.DangerousGetHandle()}"), cancel);
                return line;
            }
            catch (Exception e) when (e is IOException or SocketException && attempt < MostAttempts)
            {
                // QEMU is just being started.
                line.Dispose();
                await Task.Delay(_soon, cancel);
            }
            catch
            {
                line.Dispose();
                throw;
            }
        }
    }

    private static async Task ToConductorAsync(Socket line, WebSocket socket, CancellationToken cancel)
    {
        var buffer = new byte[BufferBytes];
        int read;
        while ((read = await line.ReceiveAsync(buffer, cancel)) > 0)
            await socket.SendAsync(buffer.AsMemory(0, read), WebSocketMessageType.Binary, endOfMessage: true, cancel);
    }

    private static async Task ToGuestAsync(WebSocket socket, Socket line, CancellationToken cancel)
    {
        var buffer = new byte[BufferBytes];
        while (true)
        {
            var said = await socket.ReceiveAsync(buffer.AsMemory(), cancel);
            if (said.MessageType == WebSocketMessageType.Close)
                return;
            for (var sent = 0; sent < said.Count;)
                sent += await line.SendAsync(buffer.AsMemory(sent, said.Count - sent), cancel);
        }
    }
}
