using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Baremetal.Api.Client;

/// <summary>
/// Calls on one conductor: JSON both ways, failures as <see cref="ProblemException"/>, passing ones tried again. What a server answers is
/// capped, and no call but an upload waits longer than <see cref="AnswerWithin"/> for an answer.
/// </summary>
internal sealed class Connection(SocketsHttpHandler handler, Uri server, string? token, TimeProvider time) : IDisposable
{
    // The largest answer is a page of nodes with their inventories.
    private const int MaxAnswerBytes = 40 << 20;

    private readonly HttpClient _http = new(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswerBytes };

    public Uri Server => server;

    /// <summary>Longer than any call takes on a conductor under load; a power call waits for a BMC.</summary>
    public TimeSpan AnswerWithin { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Told each time that a call failed for a passing reason and will be tried again.</summary>
    public Action<Problem>? Retrying { get; init; }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, Retry retry, CancellationToken cancel) where T : class
    {
        using var answer = await GetAsync(path, retry, cancel);
        return await ReadAsync(answer, type, cancel);
    }

    public async Task<byte[]> GetBytesAsync(string path, Retry retry, CancellationToken cancel)
    {
        using var answer = await GetAsync(path, retry, cancel);
        return await answer.Content.ReadAsByteArrayAsync(cancel);
    }

    public Task<HttpResponseMessage> PostAsync<TBody>(string path, TBody body, JsonTypeInfo<TBody> bodyType, Retry retry, CancellationToken cancel)
    {
        // Not streamed: a body of known length is what every server takes, and can be sent again.
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body, bodyType);
        return SendAsync(() => Post(path, bytes), retry, HttpCompletionOption.ResponseContentRead, cancel);
    }

    /// <summary>Sends until a success comes, a permanent failure, or the last attempt is over; each attempt is a new request.</summary>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, Retry retry, HttpCompletionOption completion, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            var (answer, failure) = await TryAsync(make, completion, cancel);
            if (answer is not null)
                return answer;
            if (!Problems.ArePassing(failure!.Problem) || attempt >= retry.Attempts)
                throw new ProblemException(failure.Problem);
            Retrying?.Invoke(failure.Problem);
            await Task.Delay(retry.After(attempt, failure.RetryAfter), time, cancel);
        }
    }

    /// <summary>
    /// Opens a WebSocket (RFC 6455 §4.1), once. Not by <see cref="ClientWebSocket"/>, which keeps a refusal's words to itself; who answers is proved by the
    /// pinned certificate, so that the key of the handshake has nothing to prove.
    /// </summary>
    public async Task<WebSocket> OpenAsync(string path, CancellationToken cancel)
    {
        var (answer, failure) = await TryAsync(Upgrade, HttpCompletionOption.ResponseHeadersRead, cancel);
        if (answer is null)
            throw new ProblemException(failure!.Problem);
        if (answer.StatusCode == HttpStatusCode.SwitchingProtocols)
            return WebSocket.CreateFromStream(await answer.Content.ReadAsStreamAsync(cancel), new WebSocketCreationOptions { KeepAliveInterval = TimeSpan.FromSeconds(15) });
        using (answer)
            throw new ProblemException((await RefusalAsync(answer, cancel)).Problem);

        HttpRequestMessage Upgrade() => new(HttpMethod.Get, path)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Headers =
            {
                { "Connection", "Upgrade" },
                { "Upgrade", "websocket" },
                { "Sec-WebSocket-Version", "13" },
                { "Sec-WebSocket-Key", Convert.ToBase64String(RandomNumberGenerator.GetBytes(16)) },
            },
        };
    }

    public void Dispose() => _http.Dispose();

    public static HttpRequestMessage Post(string path, byte[] json) => WithBody(HttpMethod.Post, path, json);

    public static HttpRequestMessage WithBody(HttpMethod method, string path, byte[] json) => new(method, path)
    {
        Content = new ByteArrayContent(json) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
    };

    private Task<HttpResponseMessage> GetAsync(string path, Retry retry, CancellationToken cancel) =>
        SendAsync(() => new HttpRequestMessage(HttpMethod.Get, path), retry, HttpCompletionOption.ResponseContentRead, cancel);

    private async Task<(HttpResponseMessage? Answer, Failure? Failure)> TryAsync(Func<HttpRequestMessage> make, HttpCompletionOption completion, CancellationToken cancel)
    {
        using var request = make();
        request.RequestUri = new Uri(server, request.RequestUri!);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        // An upload takes as long as it takes: TCP's own keep-alive finds a dead peer.
        using var timeout = new CancellationTokenSource(request.Content is FileContent ? Timeout.InfiniteTimeSpan : AnswerWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        try
        {
            var answer = await _http.SendAsync(request, completion, either.Token);
            if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.SwitchingProtocols)
                return (answer, null);
            using (answer)
                return (null, await RefusalAsync(answer, either.Token));
        }
        catch (HttpRequestException e)
        {
            return (null, e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded
                ? new Failure(new Problem(Problems.Unreadable, $"The answer of {server} to {request.RequestUri.AbsolutePath} is longer than {MaxAnswerBytes} bytes.", 0))
                : Unreachable(e));
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            return (null, new Failure(new Problem(Problems.Unreachable, $"The conductor at {server} did not answer within {AnswerWithin.TotalSeconds:0} seconds.", 0)));
        }
    }

    public async Task<T> ReadAsync<T>(HttpResponseMessage answer, JsonTypeInfo<T> type, CancellationToken cancel) where T : class
    {
        try
        {
            var bytes = await answer.Content.ReadAsByteArrayAsync(cancel);
            if (JsonSerializer.Deserialize(bytes, type) is { } value)
                return value;
        }
        catch (JsonException e)
        {
            throw Unreadable(e.Message);
        }
        throw Unreadable("it is empty");

        ProblemException Unreadable(string why) => new(new Problem(
            Problems.Unreadable, $"The answer of {server} to {answer.RequestMessage?.RequestUri?.AbsolutePath} cannot be read: {why}.", (int)answer.StatusCode,
            Remedy: "Its version and this program's may differ."));
    }

    private async Task<Failure> RefusalAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        var status = (int)answer.StatusCode;
        var retryAfter = answer.Headers.RetryAfter?.Delta;
        if (answer.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            try
            {
                var bytes = await answer.Content.ReadAsByteArrayAsync(cancel);
                if (JsonSerializer.Deserialize(bytes, AgentJson.Default.Problem) is { Title: not null } problem)
                    return new Failure(problem, retryAfter);
            }
            catch (JsonException)
            {
                // A gateway's own page under that type: the status has to do.
            }
        }
        return new Failure(new Problem(
            Problems.Http, $"The conductor at {server} answered {answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri?.AbsolutePath} with {status} {answer.ReasonPhrase}.", status), retryAfter);
    }

    // A server that fails the pin will fail it again. A handshake that breaks off for another reason is as passing as any broken connection.
    private Failure Unreachable(HttpRequestException e) => e.InnerException switch
    {
        AuthenticationException untrusted when SpeaksNoTls(untrusted) => new Failure(new Problem(
            Problems.Untrusted, $"The server at {server} does not speak TLS there.", 0,
            Remedy: "That may be the conductor's plain port: its API is on the TLS port, 8443 unless tlsPort says otherwise.")),
        AuthenticationException untrusted => new Failure(new Problem(
            Problems.Untrusted, $"The server at {server} did not prove that it is the conductor: {untrusted.Message}", 0,
            Remedy: "It has another CA, or is called by a name or address that its certificate does not have.")),
        _ => new Failure(Unreachable(Innermost(e))),
    };

    private Problem Unreachable(Exception cause) => (cause as SocketException)?.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => new Problem(
            Problems.Unreachable, $"The conductor at {server} cannot be reached: nobody knows a host '{server.Host}'.", 0, Remedy: "Check how it is written, and whether this machine's DNS works; an address does without."),
        SocketError.ConnectionRefused => new Problem(
            Problems.Unreachable, $"The conductor at {server} cannot be reached: the machine is there, but nothing listens on port {server.Port}.", 0, Remedy: "See that the conductor runs ('systemctl status conductor' there), and that this is its TLS port, 8443 unless tlsPort says otherwise."),
        _ => new Problem(Problems.Unreachable, $"The conductor at {server} cannot be reached: {cause.Message}", 0, Remedy: "Check the address, and that this machine may reach it."),
    };

    // The first bytes of the answer are no TLS record. .NET has no other word for it than its sentence.
    private static bool SpeaksNoTls(AuthenticationException e) => e.Message.Contains("frame", StringComparison.Ordinal);

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;

    private sealed record Failure(Problem Problem, TimeSpan? RetryAfter = null);
}
