using System.Net.WebSockets;
using System.Security.Claims;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Trust;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Baremetal.Conductor.Runners.Streams;

/// <summary>Both ends of a look at a VM: the operator's, who asks, and the runner's, who comes.</summary>
internal sealed class StreamEndpoints(IDatabase database, OpenStreams streams, RunnerPresence presence, IHostApplicationLifetime life, TimeProvider time)
{
    public Task Logs(string runner, string vm, HttpContext http) => TextAsync(runner, vm, VmView.Logs, http);

    public Task ConsoleLog(string runner, string vm, HttpContext http) => TextAsync(runner, vm, VmView.ConsoleLog, http);

    public async Task Console(string runner, string vm, HttpContext http, string kind)
    {
        var view = kind switch
        {
            "serial" => VmView.Serial,
            "vnc" => VmView.Vnc,
            _ => throw Problems.Invalid($"'{kind}' is no kind of console.", "It is serial or vnc."),
        };
        RequireWebSocket(http, "A console");
        using var stream = await OpenAsync(runner, vm, view, http);
        // The runner's end is there: from here on there is nothing to refuse.
        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        await Splice.BothWaysAsync(socket, stream.Runner, time, stream.Ended);
    }

    /// <summary>The runner's end. It is used by the operator's call, and held here until that is over.</summary>
    public async Task Take(string stream, ClaimsPrincipal user, HttpContext http)
    {
        RequireWebSocket(http, "A stream");
        if (!streams.TryTake(stream, RunnerCaller.Of(user).Id, out var asked))
            throw Problems.NotFound("stream", stream, "It was taken already, was not waited for any longer, or is another runner's.");
        WithoutLeastRate(http);
        try
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync();
            asked.Taken.TrySetResult(socket);
            await asked.Over;
        }
        finally
        {
            asked.Taken.TrySetException(BrokeOff("it came, and broke off"));
        }
    }

    /// <summary>The answer begins with the first byte: until then what goes wrong can be said.</summary>
    private async Task TextAsync(string runner, string vm, VmView view, HttpContext http)
    {
        using var stream = await OpenAsync(runner, vm, view, http);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stream.Ended, http.RequestAborted);
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        var buffer = new byte[Splice.BufferBytes];
        try
        {
            while (true)
            {
                var read = await stream.Runner.ReceiveAsync(buffer.AsMemory(), end.Token);
                if (read.MessageType == WebSocketMessageType.Close)
                    break;
                await http.Response.Body.WriteAsync(buffer.AsMemory(0, read.Count), end.Token);
            }
            await stream.Runner.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, end.Token);
            if (stream.Runner.CloseStatus is not (WebSocketCloseStatus.NormalClosure or WebSocketCloseStatus.Empty or null))
                throw BrokeOff(Printable.Of(stream.Runner.CloseStatusDescription is { Length: > 0 } why ? why : $"status {(int)stream.Runner.CloseStatus}"));
        }
        catch (WebSocketException e)
        {
            if (!http.Response.HasStarted)
                throw BrokeOff(e.Message);
            http.Abort();
        }
        catch (ProblemException) when (http.Response.HasStarted)
        {
            // An answer that is cut off is no answer that has ended.
            http.Abort();
        }
        catch (OperationCanceledException)
        {
            http.Abort();
        }
    }

    private async Task<OpenStream> OpenAsync(string runner, string vm, VmView view, HttpContext http)
    {
        var (found, row) = database.Read(sql => RunnerTable.Get(sql, runner) is var one ? (one, VmTable.Get(sql, one, vm)) : default);
        if (presence.IsLost(found))
            throw Problems.Conflict("runner-lost", $"Runner {found.Name} has said nothing since {found.LastSeen.UtcDateTime:u}; VM {row.Name} cannot be looked at.", "See that it runs and reaches this conductor: 'systemctl status baremetal-vm-runner' there.");
        WithoutLeastRate(http);
        try
        {
            return await streams.OpenAsync(found, row, view, http.User.Identity?.Name ?? "", life.ApplicationStopping, http.RequestAborted);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            throw new ProblemException(Problems.Of(StatusCodes.Status503ServiceUnavailable, "ended", $"The look at VM {row.Name} was ended: the conductor stops, or runner {found.Name} was removed.", "Try again."));
        }
    }

    private static void RequireWebSocket(HttpContext http, string what)
    {
        if (!http.WebSockets.IsWebSocketRequest)
            throw Problems.Invalid($"{what} is a WebSocket, and this was an ordinary request.", "Ask with 'Upgrade: websocket', over HTTP/1.1.");
    }

    // Who stops to read what is on his screen is no dead client; TCP finds those.
    private static void WithoutLeastRate(HttpContext http)
    {
        http.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = null;
        http.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = null;
    }

    private static ProblemException BrokeOff(string why) =>
        new(Problems.Of(StatusCodes.Status502BadGateway, "runner-failed", $"The runner could not show it: {why}", "Its log says more: 'journalctl -u baremetal-vm-runner' there."));
}
