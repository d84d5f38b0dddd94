using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Baremetal.Api.Client;

/// <summary>
/// All that an operator can ask of a conductor. Every failure is a <see cref="ProblemException"/>: the conductor's own words, or one of
/// <see cref="Problems"/>. Calls that start work carry an <c>Idempotency-Key</c>, so that trying again starts nothing twice.
/// </summary>
/// <param name="server">The conductor's TLS address, such as <c>https://conductor.example:8443</c>.</param>
/// <param name="ca">The conductor's CA certificate, the only one trusted.</param>
/// <param name="token">The operator's bearer token.</param>
/// <param name="time">What the waits between attempts are counted by.</param>
/// <param name="retrying">Told each time that a call failed for a passing reason and will be tried again.</param>
public sealed partial class ConductorClient(Uri server, X509Certificate2 ca, string token, TimeProvider time, Action<Problem>? retrying = null) : IDisposable
{
    /// <summary>How long a follower goes on asking for a conductor that went away under it.</summary>
    private static readonly Retry Following = new(60, TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(5));

    private readonly Connection _connection = new(PinnedHttp.Handler(ca, CertificateTimes.Enforced), server, token, time) { Retrying = retrying };

    public Task<Node> EnrolNodeAsync(EnrolNode node, CancellationToken cancel) =>
        StartAsync(Routes.Nodes, node, ApiJson.Default.EnrolNode, ApiJson.Default.Node, cancel);

    public IAsyncEnumerable<Node> ListNodesAsync(CancellationToken cancel, NodeState? state = null) =>
        ListAsync(state is null ? Routes.Nodes : $"{Routes.Nodes}?state={JsonNamingPolicy.KebabCaseLower.ConvertName(state.Value.ToString())}", ApiJson.Default.PageNode, cancel);

    /// <param name="node">An id, a unique name or a MAC.</param>
    public Task<Node> GetNodeAsync(string node, CancellationToken cancel) => GetAsync(Routes.For(Routes.Node, node), ApiJson.Default.Node, cancel);

    public Task RemoveNodeAsync(string node, CancellationToken cancel) => DeleteAsync(Routes.For(Routes.Node, node), cancel);

    /// <summary>Changes what is given. It sets and does not count, so that trying again does no harm.</summary>
    public async Task<Node> EditNodeAsync(string node, EditNode edit, CancellationToken cancel)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(edit, ApiJson.Default.EditNode);
        using var answer = await _connection.SendAsync(() => Connection.WithBody(HttpMethod.Patch, Routes.For(Routes.Node, node), body), Retry.Person, HttpCompletionOption.ResponseContentRead, cancel);
        return await _connection.ReadAsync(answer, ApiJson.Default.Node, cancel);
    }

    /// <summary>What the machine was like over time, the newest first, without the inventories themselves.</summary>
    public IAsyncEnumerable<KeptInventory> ListInventoriesAsync(string node, CancellationToken cancel) => ListAsync(Routes.For(Routes.NodeInventories, node), ApiJson.Default.PageKeptInventory, cancel);

    /// <param name="since">The number of the inventory that the changes are counted from; that of the one before if not given.</param>
    public Task<KeptInventory> GetInventoryAsync(string node, int number, int? since, CancellationToken cancel) =>
        GetAsync($"{Routes.For(Routes.NodeInventory, node, $"{number}")}{(since is null ? "" : $"?since={since}")}", ApiJson.Default.KeptInventory, cancel);

    /// <summary>An inspected node becomes available.</summary>
    public Task<Node> ApproveAsync(string node, CancellationToken cancel) => SayAsync(node, NodeActions.Approve, cancel);

    /// <summary>A server that runs already becomes active, untouched, and is protected.</summary>
    public Task<Node> AdoptAsync(string node, CancellationToken cancel) => SayAsync(node, NodeActions.Adopt, cancel);

    public Task<Node> ProtectAsync(string node, CancellationToken cancel) => SayAsync(node, NodeActions.Protect, cancel);

    public Task<Node> UnprotectAsync(string node, CancellationToken cancel) => SayAsync(node, NodeActions.Unprotect, cancel);

    public Task<Node> BeginMaintenanceAsync(string node, string reason, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeAction, node, NodeActions.Maintenance), new BeginMaintenance(reason), ApiJson.Default.BeginMaintenance, ApiJson.Default.Node, cancel);

    public Task<Node> EndMaintenanceAsync(string node, CancellationToken cancel) => SayAsync(node, NodeActions.Unmaintenance, cancel);

    /// <summary>Starts a job that boots the node's agent and takes its inventory.</summary>
    public Task<Job> InspectAsync(string node, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeAction, node, NodeActions.Inspect), ApiJson.Default.Job, cancel);

    /// <summary>Starts a job that erases an available node's disks.</summary>
    public Task<Job> CleanAsync(string node, CleanNode clean, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeAction, node, NodeActions.Clean), clean, ApiJson.Default.CleanNode, ApiJson.Default.Job, cancel);

    /// <summary>Starts a job that erases an active node's disks and makes it available again.</summary>
    public Task<Job> ReleaseAsync(string node, CleanNode clean, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeAction, node, NodeActions.Release), clean, ApiJson.Default.CleanNode, ApiJson.Default.Job, cancel);

    /// <summary>Starts a job that boots the ramdisk with an SSH server.</summary>
    public Task<Job> RescueAsync(string node, RescueNode rescue, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeAction, node, NodeActions.Rescue), rescue, ApiJson.Default.RescueNode, ApiJson.Default.Job, cancel);

    /// <summary>Ends the rescue: the machine restarts from its disk.</summary>
    public Task<Job> UnrescueAsync(string node, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeAction, node, NodeActions.Unrescue), ApiJson.Default.Job, cancel);

    /// <summary>Asks the job that works on a node to stop. Once only: were the answer lost, and asked again, it might meet the next job.</summary>
    public async Task<Job> AbortAsync(string node, CancellationToken cancel)
    {
        using var answer = await SendOnceAsync(Routes.For(Routes.NodeAction, node, NodeActions.Abort), "{}"u8.ToArray(), Retry.Never, cancel);
        return await _connection.ReadAsync(answer, ApiJson.Default.Job, cancel);
    }

    /// <summary>Starts a job that writes an image to the node's disk; a dry run answers with the job as it would be.</summary>
    public Task<Job> DeployAsync(string node, DeployNode deployment, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.NodeDeployments, node), deployment, ApiJson.Default.DeployNode, ApiJson.Default.Job, cancel);

    /// <summary>
    /// On and off may be asked for again; a reset or a cycle goes out once only: the one whose answer was lost may have been done, and a
    /// second one would cut off what the machine has just begun.
    /// </summary>
    public async Task SetPowerAsync(string node, PowerTarget target, CancellationToken cancel)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new SetPower(target), ApiJson.Default.SetPower);
        using var answer = await SendOnceAsync(Routes.For(Routes.NodePower, node), body, target is PowerTarget.On or PowerTarget.Off ? Retry.Person : Retry.Never, cancel);
    }

    public Task<PowerReport> GetPowerAsync(string node, CancellationToken cancel) => GetAsync(Routes.For(Routes.NodePower, node), ApiJson.Default.PowerReport, cancel);

    public IAsyncEnumerable<Job> ListJobsAsync(CancellationToken cancel) => ListAsync(Routes.Jobs, ApiJson.Default.PageJob, cancel);

    public Task<Job> GetJobAsync(string job, CancellationToken cancel) => GetAsync(Routes.For(Routes.Job, job), ApiJson.Default.Job, cancel);

    /// <summary>What its agents told of its failure.</summary>
    public Task<JobLog> GetJobLogAsync(string job, CancellationToken cancel) => GetAsync(Routes.For(Routes.JobLog, job), ApiJson.Default.JobLog, cancel);

    public Task<Job> AbortJobAsync(string job, CancellationToken cancel) => StartAsync(Routes.For(Routes.JobAbort, job), ApiJson.Default.Job, cancel);

    /// <summary>
    /// What happens to a job, from its beginning or after an event already seen, until it has finished. A conductor that goes away is asked
    /// again for some minutes, and the stored events go on where they broke off.
    /// </summary>
    public async IAsyncEnumerable<Event> FollowJobAsync(string job, long after = 0, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        await foreach (var seen in EventStream.FollowAsync(_connection, Routes.For(Routes.JobEvents, job), after, Retry.Person, Following, time, cancel))
        {
            yield return seen;
            if (seen.Kind == EventKinds.JobFinished)
                yield break;
        }
    }

    /// <summary>What happens everywhere, until cancelled.</summary>
    public IAsyncEnumerable<Event> FollowAsync(long after, CancellationToken cancel) =>
        EventStream.FollowAsync(_connection, Routes.Events, after, Retry.Person, Following, time, cancel);

    public IAsyncEnumerable<Image> ListImagesAsync(CancellationToken cancel) => ListAsync(Routes.Images, ApiJson.Default.PageImage, cancel);

    /// <param name="image"><c>NAME</c> or <c>NAME:VERSION</c>.</param>
    public Task<Image> GetImageAsync(string image, CancellationToken cancel) => GetAsync(Routes.For(Routes.Image, image), ApiJson.Default.Image, cancel);

    public Task RemoveImageAsync(string image, CancellationToken cancel) => DeleteAsync(Routes.For(Routes.Image, image), cancel);

    /// <summary>The signed manifest, as the envelope's own bytes.</summary>
    public Task<byte[]> GetImageManifestAsync(string image, CancellationToken cancel) => _connection.GetBytesAsync(Routes.For(Routes.ImageManifest, image), Retry.Person, cancel);

    /// <summary>Adds an image whose blobs have been uploaded.</summary>
    public Task<Image> AddImageAsync(byte[] manifestEnvelope, CancellationToken cancel) =>
        StartAsync(Routes.Images, new AddImage(Convert.ToBase64String(manifestEnvelope)), ApiJson.Default.AddImage, ApiJson.Default.Image, cancel);

    public async Task<bool> HasBlobAsync(string sha256, CancellationToken cancel)
    {
        try
        {
            var path = Routes.For(Routes.Blob, sha256);
            using var answer = await _connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Head, path), Retry.Person, HttpCompletionOption.ResponseContentRead, cancel);
            return true;
        }
        catch (ProblemException e) when (e.Problem.Status == (int)HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>Uploads a file under its digest, which the conductor checks. <paramref name="progress"/> is told the bytes sent, from 0 again when it has to begin anew.</summary>
    public async Task UploadBlobAsync(string sha256, string file, IProgress<long>? progress, CancellationToken cancel)
    {
        var path = Routes.For(Routes.Blob, sha256);
        using var answer = await _connection.SendAsync(Put, Retry.Person, HttpCompletionOption.ResponseContentRead, cancel);

        // Asked first: a refusal must not cost gigabytes (RFC 9110, section 10.1.1).
        HttpRequestMessage Put() => new(HttpMethod.Put, path) { Content = new FileContent(file, progress), Headers = { ExpectContinue = true } };
    }

    public void Dispose() => _connection.Dispose();

    private Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancel) where T : class => _connection.GetAsync(path, type, Retry.Person, cancel);

    private async IAsyncEnumerable<T> ListAsync<T>(string path, JsonTypeInfo<Page<T>> type, [EnumeratorCancellation] CancellationToken cancel)
    {
        string? after = null;
        do
        {
            var page = await GetAsync(after is null ? path : $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}after={Uri.EscapeDataString(after)}", type, cancel);
            foreach (var item in page.Items)
                yield return item;
            after = page.Next;
        }
        while (after is not null);
    }

    private async Task DeleteAsync(string path, CancellationToken cancel)
    {
        using var answer = await _connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, path), Retry.Person, HttpCompletionOption.ResponseContentRead, cancel);
    }

    private Task<Node> SayAsync(string node, string action, CancellationToken cancel) => StartAsync(Routes.For(Routes.NodeAction, node, action), ApiJson.Default.Node, cancel);

    private Task<T> StartAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancel) where T : class => StartAsync(path, "{}"u8.ToArray(), type, cancel);

    private Task<T> StartAsync<TBody, T>(string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<T> type, CancellationToken cancel) where T : class =>
        StartAsync(path, JsonSerializer.SerializeToUtf8Bytes(body, bodyType), type, cancel);

    private async Task<T> StartAsync<T>(string path, byte[] body, JsonTypeInfo<T> type, CancellationToken cancel) where T : class
    {
        using var answer = await SendOnceAsync(path, body, Retry.Person, cancel);
        return await _connection.ReadAsync(answer, type, cancel);
    }

    private Task<HttpResponseMessage> SendOnceAsync(string path, byte[] body, Retry retry, CancellationToken cancel)
    {
        var key = Guid.NewGuid().ToString();
        return _connection.SendAsync(
            () =>
            {
                var request = Connection.Post(path, body);
                request.Headers.Add("Idempotency-Key", key);
                return request;
            },
            retry,
            HttpCompletionOption.ResponseContentRead,
            cancel);
    }
}
