using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;

namespace Baremetal.Api.Client;

/// <summary>
/// The calls of a runner, which calls out and is never called. Nothing is tried again here but joining and renewing: orders and reports are their own
/// repetition.
/// </summary>
/// <param name="server">The conductor's TLS address.</param>
/// <param name="ca">The pinned CA certificate.</param>
/// <param name="own">The runner's certificate with its private key; null before it has joined.</param>
/// <param name="time">The clock for the pauses between attempts.</param>
public sealed class RunnerClient(Uri server, X509Certificate2 ca, X509Certificate2? own, TimeProvider time) : IDisposable
{
    /// <summary>What the conductor lets a question for orders wait, and an answer's time on top.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(60);

    private readonly Connection _connection = new(Handler(ca, own), server, token: null, time) { AnswerWithin = AnswerWithin };

    public async Task<RunnerIdentity> JoinAsync(RunnerJoin join, Retry retry, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.RunnerJoin, join, RunnerJson.Default.RunnerJoin, retry, cancel);
        return await _connection.ReadAsync(answer, RunnerJson.Default.RunnerIdentity, cancel);
    }

    public async Task<RunnerCertificate> RenewAsync(RunnerRenew renew, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.RunnerRenew, renew, RunnerJson.Default.RunnerRenew, Retry.Never, cancel);
        return await _connection.ReadAsync(answer, RunnerJson.Default.RunnerCertificate, cancel);
    }

    /// <summary>Null: nothing is new.</summary>
    /// <param name="after">The revision that the runner has; -1 for none.</param>
    public async Task<RunnerOrders?> AskOrdersAsync(long after, CancellationToken cancel)
    {
        using var answer = await _connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, $"{Routes.RunnerOrders}?after={after}"), Retry.Never, HttpCompletionOption.ResponseContentRead, cancel);
        return answer.StatusCode == HttpStatusCode.NoContent ? null : await _connection.ReadAsync(answer, RunnerJson.Default.RunnerOrders, cancel);
    }

    public async Task ReportAsync(RunnerReport report, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.RunnerReport, report, RunnerJson.Default.RunnerReport, Retry.Never, cancel);
    }

    /// <summary>The runner's end of a stream that somebody waits for.</summary>
    public async Task<WebSocket> OpenStreamAsync(string stream, CancellationToken cancel)
    {
        using var http = new HttpMessageInvoker(Handler(ca, own));
        var socket = new ClientWebSocket();
        try
        {
            var address = new UriBuilder(new Uri(server, Routes.For(Routes.RunnerStream, stream))) { Scheme = "wss" };
            await socket.ConnectAsync(address.Uri, http, cancel);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose() => _connection.Dispose();

    private static SocketsHttpHandler Handler(X509Certificate2 ca, X509Certificate2? own) => PinnedHttp.Handler(ca, CertificateTimes.Enforced, own);
}
