using System.Net;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Baremetal.Api.Client;

/// <summary>
/// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), resumed by <c>Last-Event-ID</c>: each stored event
/// comes once, in order, however often the connection breaks. Progress is not stored, so what passed meanwhile is not told again.
/// </summary>
internal static class EventStream
{
    /// <param name="first">For the first connection: a server that is not there is told at once.</param>
    /// <param name="again">For each later one.</param>
    public static async IAsyncEnumerable<Event> FollowAsync(
        Connection connection, string path, long after, Retry first, Retry again, TimeProvider time, [EnumeratorCancellation] CancellationToken cancel)
    {
        var last = after;
        var retry = first;
        var silent = 0;
        while (true)
        {
            using var answer = await connection.SendAsync(Ask, retry, HttpCompletionOption.ResponseHeadersRead, cancel);
            // The specification's word for "there will be no more".
            if (answer.StatusCode == HttpStatusCode.NoContent)
                yield break;

            var opened = time.GetTimestamp();
            await using var body = await answer.Content.ReadAsStreamAsync(cancel);
            await using var events = SseParser.Create(body, static (_, data) => Read(data)).EnumerateAsync(cancel).GetAsyncEnumerator(cancel);
            while (await NextAsync(events) is { } seen)
            {
                silent = 0;
                if (seen.Seq > 0 && seen.Seq <= last)
                    continue;
                last = Math.Max(last, seen.Seq);
                yield return seen;
            }
            // A proxy that cuts quiet streams now and then is no fault; a server that takes each call and drops it at once is.
            retry = again;
            silent = time.GetElapsedTime(opened) > again.Longest ? 1 : silent + 1;
            if (silent > again.Attempts)
                throw new ProblemException(new Problem(Problems.Unreachable, $"The conductor at {connection.Server} breaks off every event stream.", 0));
            await Task.Delay(again.After(silent), time, cancel);
        }

        HttpRequestMessage Ask()
        {
            var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Accept", "text/event-stream" } } };
            if (last > 0)
                request.Headers.Add("Last-Event-ID", last.ToString());
            return request;
        }
    }

    // Null when the connection ended, in whatever way.
    private static async ValueTask<Event?> NextAsync(IAsyncEnumerator<SseItem<Event?>> events)
    {
        try
        {
            while (await events.MoveNextAsync())
            {
                if (events.Current.Data is { } data)
                    return data;
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            // What was not read completely comes again on the next connection.
        }
        return null;
    }

    // An event that a newer conductor tells in a way not known here is passed over, as an unknown kind would be.
    private static Event? Read(ReadOnlySpan<byte> data)
    {
        try
        {
            return JsonSerializer.Deserialize(data, ApiJson.Default.Event);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
