using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Serialization.Metadata;

namespace Baremetal.Api.Client;

/// <summary>
/// The deploy agent's calls. It has no clock to trust, so the times in certificates do not count; what fails for a passing reason is tried
/// until it succeeds, but for the heartbeat and the question for an order, which are their own repetition.
/// </summary>
/// <param name="server">The conductor's TLS address.</param>
/// <param name="ca">The pinned CA certificate.</param>
/// <param name="time">The clock for the pauses between attempts.</param>
/// <param name="retrying">Told each time that a call failed for a passing reason and will be tried again.</param>
public sealed class AgentClient(Uri server, X509Certificate2 ca, TimeProvider time, Action<Problem>? retrying = null) : IDisposable
{
    /// <summary>Half of what a conductor bears without a sign of life.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(15);

    private volatile Connection _connection = Connect(null, server, ca, time, retrying);

    /// <summary>From now on this side proves itself with this certificate, which has its private key, or not at all. Calls that are under way end as they began.</summary>
    public void Use(X509Certificate2? certificate) =>
        // The connection that it replaces is not disposed under its calls: it closes when they and a minute without any are over.
        _connection = Connect(certificate, server, ca, time, retrying);

    public Task<AgentIdentity> EnrolAsync(AgentEnrol enrol, CancellationToken cancel) =>
        PostAsync(Routes.AgentEnrol, enrol, AgentJson.Default.AgentEnrol, AgentJson.Default.AgentIdentity, Retry.Patient, cancel);

    public Task<AgentCertificate> RenewAsync(AgentRenew renew, Retry retry, CancellationToken cancel) =>
        PostAsync(Routes.AgentRenew, renew, AgentJson.Default.AgentRenew, AgentJson.Default.AgentCertificate, retry, cancel);

    /// <summary>The trust documents after a version, oldest first.</summary>
    public Task<TrustChain> GetTrustAsync(long from, CancellationToken cancel) =>
        _connection.GetAsync($"{Routes.AgentTrust}?from={from}", AgentJson.Default.TrustChain, Retry.Patient, cancel);

    public async Task PostInventoryAsync(Inventory inventory, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.AgentInventory, inventory, AgentJson.Default.Inventory, Retry.Patient, cancel);
    }

    public Task<HeartbeatAnswer> HeartbeatAsync(AgentHeartbeat heartbeat, CancellationToken cancel) =>
        PostAsync(Routes.AgentHeartbeat, heartbeat, AgentJson.Default.AgentHeartbeat, AgentJson.Default.HeartbeatAnswer, Retry.Never, cancel);

    /// <summary>The order's envelope, or null when there is none. Not tried again here: whoever beats asks again at the next beat.</summary>
    public async Task<byte[]?> AskOrderAsync(string nonce, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.AgentOrder, new AskOrder(nonce), AgentJson.Default.AskOrder, Retry.Never, cancel);
        return answer.StatusCode == HttpStatusCode.NoContent ? null : await answer.Content.ReadAsByteArrayAsync(cancel);
    }

    /// <summary>Returns when the conductor has it. A refusal means that the order is not this agent's any more.</summary>
    public async Task ReportAsync(string order, StepReport report, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.For(Routes.AgentStep, order), report, AgentJson.Default.StepReport, Retry.Patient, cancel);
    }

    /// <summary>Tried for some seconds only: what failed has to be told soon.</summary>
    public async Task PostLogAsync(AgentLogText log, CancellationToken cancel)
    {
        using var answer = await _connection.PostAsync(Routes.AgentLog, log, AgentJson.Default.AgentLogText, Retry.Person, cancel);
    }

    public Task<byte[]> GetConfigDriveAsync(string order, CancellationToken cancel) => _connection.GetBytesAsync(Routes.For(Routes.AgentConfigDrive, order), Retry.Patient, cancel);

    /// <summary>The SSH server of a rescue, as a packed piece of the ramdisk.</summary>
    public Task<byte[]> GetRescueAsync(string order, CancellationToken cancel) => _connection.GetBytesAsync(Routes.For(Routes.AgentRescue, order), Retry.Patient, cancel);

    /// <summary>The envelope of an image manifest.</summary>
    public Task<byte[]> GetManifestAsync(string sha256, CancellationToken cancel) => _connection.GetBytesAsync(Routes.For(Routes.AgentManifest, sha256), Retry.Patient, cancel);

    public void Dispose() => _connection.Dispose();

    private static Connection Connect(X509Certificate2? own, Uri server, X509Certificate2 ca, TimeProvider time, Action<Problem>? retrying) =>
        new(PinnedHttp.Handler(ca, CertificateTimes.Ignored, own), server, token: null, time) { AnswerWithin = AnswerWithin, Retrying = retrying };

    private async Task<T> PostAsync<TBody, T>(
        string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<T> type, Retry retry, CancellationToken cancel)
        where T : class
    {
        using var answer = await _connection.PostAsync(path, body, bodyType, retry, cancel);
        return await _connection.ReadAsync(answer, type, cancel);
    }
}
