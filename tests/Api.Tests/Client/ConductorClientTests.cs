using System.Collections.Concurrent;
using System.Net;
using System.Net.ServerSentEvents;
using System.Security.Cryptography;
using System.Text.Json;
using Baremetal.Api.Client;
using Baremetal.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Api.Tests.Client;

/// <summary>The operator's client before a real TLS server that answers, refuses, breaks off and goes away.</summary>
public sealed class ConductorClientTests : IAsyncLifetime
{
    private readonly TestCa _ca = new();
    private readonly List<IAsyncDisposable> _servers = [];
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
        _ca.Dispose();
    }

    [Fact]
    public async Task Call_TokenGiven_SendsItAndReadsTheAnswer()
    {
        using var client = await ClientAsync(app => app.MapGet(Routes.Job, (string job, HttpRequest request) => Json(JobOf(request.Headers.Authorization + " " + job))));

        var job = await client.GetJobAsync("j 1", Cancel);

        Assert.Equal("Bearer bm1_test j 1", job.Id);
    }

    [Fact]
    public async Task List_SeveralPages_YieldsAllItems()
    {
        using var client = await ClientAsync(app => app.MapGet(Routes.Jobs, (string? after) => after is null
            ? Results.Json(new Page<Job>([JobOf("1"), JobOf("2")], "a b"), ApiJson.Default.PageJob)
            : Results.Json(new Page<Job>([JobOf(after)], null), ApiJson.Default.PageJob)));

        var jobs = await client.ListJobsAsync(Cancel).Select(job => job.Id).ToArrayAsync(Cancel);

        Assert.Equal(["1", "2", "a b"], jobs);
    }

    [Fact]
    public async Task Call_Refused_ThrowsTheConductorsProblemAfterOneAttempt()
    {
        var calls = 0;
        using var client = await ClientAsync(app => app.MapPost(Routes.NodeDeployments, () =>
        {
            calls++;
            return Results.Json(new Problem("urn:baremetal:problem:state-forbids", "Node n1 is enrolled.", 409, Remedy: "Approve it."), ApiJson.Default.Problem, "application/problem+json", 409);
        }));

        var refused = await Assert.ThrowsAsync<ProblemException>(() => client.DeployAsync("n1", new DeployNode("debian"), Cancel));

        Assert.Equal((409, "Node n1 is enrolled. Approve it.", 1), (refused.Problem.Status, refused.Message, calls));
    }

    [Fact]
    public async Task Call_ServerBusyTwice_TriesAgainWithTheSameIdempotencyKey()
    {
        var keys = new ConcurrentQueue<string>();
        using var client = await ClientAsync(app => app.MapPost(Routes.NodeAction, (HttpRequest request) =>
        {
            keys.Enqueue(request.Headers["Idempotency-Key"].ToString());
            return keys.Count < 3 ? Results.StatusCode(503) : Json(JobOf("1"));
        }));

        await client.InspectAsync("n1", Cancel);

        Assert.Equal(3, keys.Count);
        Assert.Single(keys.Distinct());
        Assert.True(Guid.TryParse(keys.First(), out _));
    }

    [Fact]
    public async Task Call_NobodyListens_NamesTheServer()
    {
        using var client = new ConductorClient(new Uri("https://127.0.0.1:1"), _ca.Certificate, "t", TimeProvider.System);

        var gone = await Assert.ThrowsAsync<ProblemException>(() => client.GetJobAsync("1", Cancel));

        Assert.Equal(Problems.Unreachable, gone.Problem.Type);
        Assert.Contains("https://127.0.0.1:1", gone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_AnswerIsNoJson_SaysThatItCannotBeRead()
    {
        using var client = await ClientAsync(app => app.MapGet(Routes.Job, () => Results.Text("<html>")));

        var broken = await Assert.ThrowsAsync<ProblemException>(() => client.GetJobAsync("1", Cancel));

        Assert.Equal(Problems.Unreadable, broken.Problem.Type);
    }

    [Fact]
    public async Task Follow_ConnectionBreaks_ResumesAfterTheLastStoredEvent()
    {
        var resumedFrom = new ConcurrentQueue<string>();
        var read = new TaskCompletionSource();
        using var client = await ClientAsync(app => app.MapGet(Routes.JobEvents, async (HttpContext context) =>
        {
            var from = context.Request.Headers["Last-Event-ID"].ToString();
            resumedFrom.Enqueue(from);
            if (from.Length == 0)
            {
                await TellAsync(context, EventOf(1, EventKinds.JobStarted));
                await TellAsync(context, EventOf(2, EventKinds.StepStarted));
                await TellAsync(context, EventOf(0, EventKinds.Progress));
                await context.Response.WriteAsync("event: step.ended\nid: 3\ndata: {\"seq\":3,", Cancel);
                await context.Response.Body.FlushAsync(Cancel);
                // A reset drops what is still under way.
                await read.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancel);
                context.Abort();
                return;
            }
            // The second event again, as a server may that counts otherwise.
            await TellAsync(context, EventOf(2, EventKinds.StepStarted));
            await TellAsync(context, EventOf(3, EventKinds.StepEnded));
            await TellAsync(context, EventOf(4, EventKinds.JobFinished));
        }));

        var seen = new List<long>();
        await foreach (var told in client.FollowJobAsync("1", cancel: Cancel))
        {
            seen.Add(told.Seq);
            if (told.Kind == EventKinds.Progress)
                read.SetResult();
        }

        Assert.Equal([1, 2, 0, 3, 4], seen);
        Assert.Equal(["", "2"], resumedFrom);
    }

    [Fact]
    public async Task Follow_ServerRestarts_GoesOn()
    {
        var certificate = _ca.Server(IPAddress.Loopback);
        var first = await TlsServer.StartAsync(certificate, app => app.MapGet(Routes.JobEvents, async (HttpContext context) =>
        {
            await TellAsync(context, EventOf(1, EventKinds.JobStarted));
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }));
        var address = first.Address;
        using var client = new ConductorClient(address, _ca.Certificate, "t", TimeProvider.System);
        await using var events = client.FollowJobAsync("1", cancel: Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await events.MoveNextAsync());

        await first.DisposeAsync();
        var waiting = events.MoveNextAsync();
        _servers.Add(await TlsServer.StartAsync(certificate, app => app.MapGet(Routes.JobEvents, async (HttpContext context) => await TellAsync(context, EventOf(2, EventKinds.JobFinished))), address.Port));

        Assert.True(await waiting);
        Assert.Equal(2, events.Current.Seq);
        Assert.False(await events.MoveNextAsync());
    }

    [Fact]
    public async Task Follow_ServerDropsEveryStream_EndsWithAProblem()
    {
        using var client = await ClientAsync(app => app.MapGet(Routes.JobEvents, (HttpContext context) => context.Abort()));

        var dropped = await Assert.ThrowsAsync<ProblemException>(async () => await client.FollowJobAsync("1", cancel: Cancel).ToArrayAsync(Cancel));

        Assert.Equal(Problems.Unreachable, dropped.Problem.Type);
    }

    [Theory]
    [InlineData(PowerTarget.On, 2)]
    [InlineData(PowerTarget.Off, 2)]
    [InlineData(PowerTarget.Reset, 1)]
    [InlineData(PowerTarget.Cycle, 1)]
    public async Task SetPower_AnswerLost_SendsAgainOnlyWhatMayBeDoneTwice(PowerTarget target, int sent)
    {
        var calls = 0;
        using var client = await ClientAsync(app => app.MapPost(Routes.NodePower, () => ++calls == 1 ? Results.StatusCode(502) : Results.NoContent()));

        var failure = await Record.ExceptionAsync(() => client.SetPowerAsync("n1", target, Cancel));

        Assert.Equal((sent, sent == 1), (calls, failure is ProblemException { Problem.Status: 502 }));
    }

    [Fact]
    public async Task Follow_NoContent_Ends()
    {
        using var client = await ClientAsync(app => app.MapGet(Routes.JobEvents, () => Results.NoContent()));

        Assert.Empty(await client.FollowJobAsync("1", after: 9, Cancel).ToArrayAsync(Cancel));
    }

    [Fact]
    public async Task Upload_ServerFailsOnce_SendsTheWholeFileAgainAndTellsProgress()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var bytes = RandomNumberGenerator.GetBytes(700_000);
        await File.WriteAllBytesAsync(file, bytes, Cancel);
        var got = new ConcurrentQueue<byte[]>();
        var told = new Told();
        using var client = await ClientAsync(app => app.MapPut(Routes.Blob, async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, Cancel);
            got.Enqueue(body.ToArray());
            return got.Count == 1 ? Results.StatusCode(502) : Results.Created();
        }));

        await client.UploadBlobAsync("ab", file, told, Cancel);

        File.Delete(file);
        Assert.Equal(2, got.Count);
        Assert.Equal(bytes, got.Last());
        Assert.Equal(bytes.Length, told.Last);
    }

    [Fact]
    public async Task HasBlob_ServerSaysNotFound_IsFalse()
    {
        using var client = await ClientAsync(app => app.MapMethods(Routes.Blob, ["HEAD"], (string digest) => digest == "aa" ? Results.Ok() : Results.NotFound()));

        Assert.True(await client.HasBlobAsync("aa", Cancel));
        Assert.False(await client.HasBlobAsync("bb", Cancel));
    }

    private async Task<ConductorClient> ClientAsync(Action<WebApplication> map)
    {
        var server = await TlsServer.StartAsync(_ca.Server(IPAddress.Loopback), map);
        _servers.Add(server);
        return new ConductorClient(server.Address, _ca.Certificate, "bm1_test", TimeProvider.System);
    }

    private static IResult Json(Job job) => Results.Json(job, ApiJson.Default.Job);

    private static Job JobOf(string id) => new(id, "n", "n1", JobKind.Deploy, "power", 1, default, default, null, null, null, null, [], null, null);

    private static Event EventOf(long seq, string kind) => new(seq, kind, default, "n", "1");

    private static async Task TellAsync(HttpContext context, Event told)
    {
        if (!context.Response.HasStarted)
            context.Response.ContentType = "text/event-stream";
        await SseFormatter.WriteAsync(One(), context.Response.Body, static (item, buffer) => JsonSerializer.Serialize(new Utf8JsonWriter(buffer), item.Data, ApiJson.Default.Event), Cancel);
        await context.Response.Body.FlushAsync(Cancel);

        async IAsyncEnumerable<SseItem<Event>> One()
        {
            await Task.CompletedTask;
            yield return new SseItem<Event>(told, told.Kind) { EventId = told.Seq > 0 ? told.Seq.ToString() : null };
        }
    }

    private sealed class Told : IProgress<long>
    {
        public long Last { get; private set; }

        public void Report(long value) => Last = value;
    }
}
