using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;

namespace Baremetal.Conductor.Events;

/// <summary>Server-sent events. A follower that comes back with <c>Last-Event-ID</c> misses nothing that is stored.</summary>
internal static class EventEndpoints
{
    /// <summary>From now on, or from where the follower left off.</summary>
    public static IResult All(EventFeed stream, IDatabase database, HttpRequest request, IHostApplicationLifetime life, CancellationToken cancel, long? after = null) =>
        Stream(stream, After(request) ?? after ?? database.Read(EventLog.Last), job: null, life, cancel);

    /// <summary>From the job's beginning to its end. When all of it has been told: 204, which ends the follower's reconnecting.</summary>
    public static IResult OfJob(string job, EventFeed stream, IDatabase database, HttpRequest request, IHostApplicationLifetime life, CancellationToken cancel)
    {
        var after = After(request) ?? 0;
        var (id, isTold) = database.Read(sql =>
        {
            var found = JobTable.Find(sql, job);
            return (found.Id, found.Finished is not null && !EventLog.EndsAfter(sql, found.Id, after));
        });
        return isTold ? TypedResults.NoContent() : Stream(stream, after, id, life, cancel);
    }

    private static SseResult Stream(EventFeed stream, long after, string? job, IHostApplicationLifetime life, CancellationToken cancel) => new SseResult(stream, after, job, life.ApplicationStopping, cancel);

    private static long? After(HttpRequest request) => long.TryParse(request.Headers["Last-Event-ID"].ToString(), out var seq) ? seq : null;
}

/// <summary>Follows until the follower goes or the conductor stops: streams must not hold up its end.</summary>
internal sealed class SseResult(EventFeed stream, long after, string? job, CancellationToken stopping, CancellationToken gone) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping, gone);
        httpContext.Response.ContentType = "text/event-stream";
        httpContext.Response.Headers.CacheControl = "no-cache,no-store";
        await httpContext.Response.StartAsync(end.Token);
        // The header alone, at once: a follower must know that it is heard before anything happens.
        await httpContext.Response.Body.FlushAsync(end.Token);
        try
        {
            await System.Net.ServerSentEvents.SseFormatter.WriteAsync(
                stream.Follow(after, job, end.Token),
                httpContext.Response.Body,
                static (item, buffer) =>
                {
                    using var json = new Utf8JsonWriter(buffer);
                    JsonSerializer.Serialize(json, item.Data, ApiJson.Default.Event);
                },
                end.Token);
        }
        catch (OperationCanceledException)
        {
            // The one who followed has gone, or we go.
        }
    }
}
