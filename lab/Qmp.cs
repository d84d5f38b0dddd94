using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Baremetal.Lab;

/// <summary>Something that QEMU reports by itself, such as <c>RESET</c>; <paramref name="Data"/> may be null.</summary>
public sealed record QmpEvent(string Name, JsonNode? Data);

/// <summary>
/// A client of QEMU's machine protocol (docs/interop/qmp-spec.txt in QEMU's tree): one JSON object a line; answers carry the id of the
/// command, events come in between.
/// </summary>
public sealed class Qmp : IAsyncDisposable
{
    // QEMU answers at once; under TCG on a busy machine its main loop may wait long for its lock.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> waiting = [];
    private readonly SemaphoreSlim writing = new(1);
    private readonly Action<QmpEvent> onEvent;
    private readonly StreamReader reader;
    private readonly StreamWriter writer;
    private readonly Task reading;
    private int lastId;
    private volatile bool ended;

    private Qmp(Stream stream, Action<QmpEvent> onEvent)
    {
        this.onEvent = onEvent;
        reader = new StreamReader(stream);
        writer = new StreamWriter(stream) { AutoFlush = true };
        reading = ReadAsync();
    }

    /// <summary>Takes over a fresh connection: the greeting is read, the capabilities are settled.</summary>
    public static async Task<Qmp> OpenAsync(Stream stream, Action<QmpEvent> onEvent, CancellationToken cancellationToken)
    {
        var qmp = new Qmp(stream, onEvent);
        try
        {
            await qmp.ExecuteAsync("qmp_capabilities", null, cancellationToken);
            return qmp;
        }
        catch
        {
            await qmp.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs one command and returns what it returned.</summary>
    /// <exception cref="InvalidOperationException">QEMU refused it; the message is QEMU's.</exception>
    /// <exception cref="IOException">QEMU ended, or ends before it answered.</exception>
    public async Task<JsonNode?> ExecuteAsync(string command, JsonObject? arguments = null, CancellationToken cancellationToken = default)
    {
        var id = Interlocked.Increment(ref lastId);
        var answer = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        waiting[id] = answer;
        try
        {
            // Asked after the entry was made: the reader's end fails every entry that it finds.
            if (ended)
                throw Gone();
            var line = new JsonObject { ["execute"] = command, ["id"] = id };
            if (arguments is not null)
                line["arguments"] = arguments;
            await writing.WaitAsync(cancellationToken);
            try
            {
                await writer.WriteLineAsync(line.ToJsonString().AsMemory(), CancellationToken.None);
            }
            finally
            {
                writing.Release();
            }
            var reply = await answer.Task.WaitAsync(Bound, cancellationToken);
            return reply?["error"] is { } error
                ? throw new InvalidOperationException($"QEMU refused '{command}': {error["desc"]}")
                : reply?["return"];
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"QEMU did not answer '{command}' within {Bound.TotalSeconds} s.", late);
        }
        finally
        {
            waiting.TryRemove(id, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await reader.BaseStream.DisposeAsync();
        await reading;
        writing.Dispose();
    }

    private static IOException Gone() => new("QEMU has ended its monitor connection; the server is off.");

    private async Task ReadAsync()
    {
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                var message = JsonNode.Parse(line)!;
                if (message["event"] is { } name)
                    onEvent(new QmpEvent(name.GetValue<string>(), message["data"]));
                else if (message["id"] is { } id && waiting.TryRemove(id.GetValue<int>(), out var answer))
                    answer.SetResult(message);
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or JsonException)
        {
            // The connection ends with QEMU, often within a line.
        }
        ended = true;
        foreach (var answer in waiting.Values)
            answer.TrySetException(Gone());
    }
}
