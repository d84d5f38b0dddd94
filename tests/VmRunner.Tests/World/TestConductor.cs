using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>
/// A conductor's side of the wire, over real TLS, with orders by hand. It can go away and come back where it was. (The real one: the tests that need
/// its database too are EndToEnd's.)
/// </summary>
internal sealed class TestConductor : IAsyncDisposable
{
    public const string Token = "bmr1_0123456789abcdef0123456789abcdef";

    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(8);

    private readonly TestCa _ca = new();
    private readonly X509Certificate2 _certificate;
    private readonly ConcurrentDictionary<string, VmOrder> _vms = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource<WebSocket>> _streams = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _keys = new(StringComparer.Ordinal);
    private readonly List<VmReport> _history = [];
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private StreamOrder[] _waiting = [];
    private TlsServer? _server;
    private long _revision;
    private int _port;

    public TestConductor() => _certificate = _ca.Server(IPAddress.Loopback);

    public Uri Address { get; private set; } = null!;

    public X509Certificate2 Ca => _ca.Certificate;

    /// <summary>How long its certificates are good, and since when.</summary>
    public (TimeSpan Ago, TimeSpan Left) Life { get; set; } = (TimeSpan.FromMinutes(1), TimeSpan.FromHours(20));

    /// <summary>It has removed the runner.</summary>
    public bool Forgets { get; set; }

    /// <summary>The next answer to a join is lost on its way.</summary>
    public bool LosesAnswer { get; set; }

    /// <summary>A folder in OCI's layout: what its registry has.</summary>
    public string? Images { get; set; }

    public int Joins { get; private set; }

    public int Renewals { get; private set; }

    public RunnerReport? Last { get; private set; }

    /// <summary>All reports of a VM that differed from the one before.</summary>
    public IReadOnlyList<VmReport> History
    {
        get
        {
            lock (_history)
                return [.. _history];
        }
    }

    public async Task StartAsync()
    {
        _server = await TlsServer.StartAsync(_certificate, Map, _port, _ca.Certificate);
        Address = _server.Address;
        _port = Address.Port;
    }

    public async Task StopAsync()
    {
        await _server!.DisposeAsync();
        _server = null;
    }

    public string CaFile(string folder)
    {
        var path = Path.Combine(folder, "ca.pem");
        File.WriteAllText(path, _ca.Certificate.ExportCertificatePem());
        return path;
    }

    public void Order(string id, long run, VmTarget target, CreateVm spec, string? ownImage = null)
    {
        _vms[id] = new VmOrder(id, run, target, spec, ownImage);
        Interlocked.Increment(ref _revision);
        Tell();
    }

    public void Order(string id, long run, VmTarget target) => Order(id, run, target, _vms[id].Spec);

    /// <summary>It knows nothing of a VM any more.</summary>
    public void Forget(string id)
    {
        _vms.TryRemove(id, out _);
        Interlocked.Increment(ref _revision);
        Tell();
    }

    /// <summary>Waits for a report of a VM that is as wanted.</summary>
    public async Task<VmReport> SeesAsync(string id, Func<VmReport, bool> wanted, string what, RunnerService service)
    {
        using var bounded = new CancellationTokenSource(_bound);
        while (true)
        {
            if (Last?.Vms.FirstOrDefault(vm => vm.Id == id) is { } report && wanted(report))
                return report;
            if (bounded.IsCancellationRequested)
                throw new TimeoutException($"Waited {_bound.TotalMinutes} min for {what}. The last report: {string.Join("; ", Last?.Vms.AsEnumerable() ?? [])}\nThe service said:\n{service.Said}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Asks to look at a VM, and waits for the runner to come.</summary>
    public async Task<WebSocket> LookAsync(string vm, VmView kind)
    {
        var id = Guid.NewGuid().ToString("N");
        var coming = _streams[id] = new TaskCompletionSource<WebSocket>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting = [new StreamOrder(id, vm, kind)];
        Tell();
        return await coming.Task.WaitAsync(_bound, TestContext.Current.CancellationToken);
    }

    /// <summary>All of a stream that ends.</summary>
    public async Task<(string Text, string? End)> LookToTheEndAsync(string vm, VmView kind)
    {
        using var socket = await LookAsync(vm, kind);
        var text = new StringBuilder();
        var buffer = new byte[16 << 10];
        while (true)
        {
            var said = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
            if (said.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
                return (text.ToString(), said.CloseStatusDescription);
            }
            text.Append(Encoding.Latin1.GetString(buffer, 0, said.Count));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await StopAsync();
        _certificate.Dispose();
        _ca.Dispose();
    }

    private void Tell() => Interlocked.Exchange(ref _news, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    private void Map(WebApplication app)
    {
        app.UseWebSockets();
        app.MapPost(Routes.RunnerJoin, JoinAsync);
        app.MapPost(Routes.RunnerRenew, RenewAsync);
        app.MapGet(Routes.RunnerOrders, OrdersAsync);
        app.MapPost(Routes.RunnerReport, ReportAsync);
        app.Map(Routes.RunnerStream, StreamAsync);
        // Its registry, as the OCI distribution specification has it.
        app.MapGet("/v2/", async (HttpContext context) => { await IsKnownAsync(context); });
        app.MapGet("/v2/vm/{kind}/{digest}", BlobAsync);
    }

    private async Task JoinAsync(HttpContext context)
    {
        var join = (await JsonSerializer.DeserializeAsync(context.Request.Body, RunnerJson.Default.RunnerJoin))!;
        Joins++;
        if (join.Token != Token)
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "The token is not known.");
            return;
        }
        using var certificate = Certificate(join.Csr);
        var key = Convert.ToHexString(certificate.GetPublicKey());
        if (_keys.GetOrAdd(Token, key) != key)
        {
            await RefuseAsync(context, StatusCodes.Status409Conflict, "The token was used with another key.");
            return;
        }
        if (LosesAnswer)
        {
            LosesAnswer = false;
            context.Abort();
            return;
        }
        await AnswerAsync(context, new RunnerIdentity("runner-1", join.HostName, certificate.ExportCertificatePem(), new DateTimeOffset(certificate.NotAfter)), RunnerJson.Default.RunnerIdentity);
    }

    private async Task RenewAsync(HttpContext context)
    {
        if (!await IsKnownAsync(context))
            return;
        var renew = (await JsonSerializer.DeserializeAsync(context.Request.Body, RunnerJson.Default.RunnerRenew))!;
        Renewals++;
        Life = (TimeSpan.FromMinutes(1), TimeSpan.FromHours(20));
        using var certificate = Certificate(renew.Csr);
        await AnswerAsync(context, new RunnerCertificate(certificate.ExportCertificatePem(), new DateTimeOffset(certificate.NotAfter)), RunnerJson.Default.RunnerCertificate);
    }

    private async Task OrdersAsync(HttpContext context)
    {
        var news = _news.Task;
        if (!await IsKnownAsync(context))
            return;
        if (context.Request.Query["after"] == $"{Interlocked.Read(ref _revision)}" && _waiting.Length == 0)
            await Task.WhenAny(news, Task.Delay(TimeSpan.FromSeconds(20), context.RequestAborted));
        var streams = Interlocked.Exchange(ref _waiting, []);
        await AnswerAsync(context, new RunnerOrders(Interlocked.Read(ref _revision), [.. _vms.Values], streams), RunnerJson.Default.RunnerOrders);
    }

    private async Task ReportAsync(HttpContext context)
    {
        if (!await IsKnownAsync(context))
            return;
        var report = (await JsonSerializer.DeserializeAsync(context.Request.Body, RunnerJson.Default.RunnerReport))!;
        lock (_history)
            _history.AddRange(report.Vms.Where(vm => Last?.Vms.FirstOrDefault(other => other.Id == vm.Id) != vm));
        Last = report;
    }

    private async Task StreamAsync(HttpContext context, string stream)
    {
        if (!await IsKnownAsync(context))
            return;
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        _streams[stream].SetResult(socket);
        // It lives as long as its call does; the test closes it, or the runner.
        while (socket.State is WebSocketState.Open or WebSocketState.CloseReceived or WebSocketState.CloseSent && !context.RequestAborted.IsCancellationRequested)
            await Task.Delay(TimeSpan.FromMilliseconds(50));
    }

    private async Task BlobAsync(HttpContext context, string kind, string digest)
    {
        if (!await IsKnownAsync(context))
            return;
        context.Response.ContentType = kind == "manifests" ? "application/vnd.oci.image.manifest.v1+json" : "application/octet-stream";
        await context.Response.SendFileAsync(Path.Combine(Images!, "blobs", "sha256", digest["sha256:".Length..]));
    }

    private async Task<bool> IsKnownAsync(HttpContext context)
    {
        if (!Forgets && context.Connection.ClientCertificate is { } certificate && _keys.Values.Contains(Convert.ToHexString(certificate.GetPublicKey())))
            return true;
        await RefuseAsync(context, StatusCodes.Status401Unauthorized, "This runner is not known.");
        return false;
    }

    private X509Certificate2 Certificate(string csr)
    {
        var now = TimeProvider.System.GetUtcNow();
        return _ca.Client(Convert.FromBase64String(csr), "runner-1", now - Life.Ago, now + Life.Left);
    }

    private static async Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/problem+json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new Problem("urn:test", why, status), RunnerJson.Default.Problem));
    }

    private static async Task AnswerAsync<T>(HttpContext context, T answer, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(answer, type));
    }
}
