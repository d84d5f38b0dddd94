using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Support;
using Baremetal.Trust;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Baremetal.DeployAgent.Tests;

/// <summary>
/// A conductor as an agent meets it: a real TLS server with its own CA that speaks the agent's routes, and a plain one beside it. What it
/// orders, and when it is away, the test says.
/// </summary>
internal sealed class TestConductor : IAsyncDisposable
{
    public const string Token = "0123456789abcdef0123456789abcdef";
    public const string NodeId = "node-7";

    private readonly TestCa _ca;
    private readonly X509Certificate2 _certificate;
    private readonly SigningKey _root = SigningKey.Create();
    private readonly SigningKey _orderKey = SigningKey.Create();
    private readonly WebApplication _plain;
    private readonly Lock _gate = new();
    private readonly DateTimeOffset _now;
    private TlsServer? _tls;
    private int _port;
    private byte[]? _spki;
    private AgentIdentity? _identity;

    private TestConductor(DateTimeOffset now, WebApplication plain)
    {
        _now = now;
        _plain = plain;
        _ca = new TestCa(now.AddDays(-1), now.AddYears(1));
        _certificate = _ca.Server(IPAddress.Loopback);
        Ca = _ca;
        var first = TrustDocument.First(_root.Public, ImageKey.Public, now.AddYears(1));
        var changes = new TrustChanges { Add = [(TrustRole.Conductor, _orderKey.Public)], ConductorCaSha256 = Digest.Of(_ca.Certificate.RawData) };
        Assert.True(changes.TryApply(first, now, out var second, out var rejection), rejection?.ToString());
        Chain = [Sign(first), Sign(second)];
        Trust = second;
    }

    public TestCa Ca { get; set; }

    public SigningKey ImageKey { get; } = SigningKey.Create();

    public SigningKey OrderKey => _orderKey;

    public List<byte[]> Chain { get; }

    public TrustDocument Trust { get; private set; }

    public TimeSpan CertificateLife { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Answers a question for an order; null: nothing waits.</summary>
    public Func<AskOrder, byte[]?>? Order { get; set; }

    /// <summary>Says so in each heartbeat.</summary>
    public bool Abort { get; set; }

    public byte[] Manifest { get; set; } = [];

    /// <summary>Until then the question for the manifest is not answered.</summary>
    public Task ManifestIsReady { get; set; } = Task.CompletedTask;

    public byte[] ConfigDrive { get; set; } = [];

    public byte[]? RescuePart { get; set; } = [.. "the file rescue.img"u8];

    public Dictionary<string, byte[]> Blobs { get; } = new(StringComparer.Ordinal);

    /// <summary>Where agents are told to look for blobs before they ask here.</summary>
    public List<string> Mirrors { get; } = [];

    /// <summary>Whether a request for this blob is answered with 503, as while the conductor starts.</summary>
    public Func<string, bool> BlobIsAway { get; set; } = _ => false;

    public ConcurrentQueue<StepReport> Reports { get; } = [];

    /// <summary>Logs, and how many reports had come before.</summary>
    public ConcurrentQueue<(string Text, int Reports)> Logs { get; } = [];

    public ConcurrentQueue<AgentHeartbeat> Heartbeats { get; } = [];

    public ConcurrentQueue<string> Nonces { get; } = [];

    public Api.Inventory? Inventory { get; private set; }

    public int Enrolments { get; private set; }

    public int Renewals { get; private set; }

    public string BootId => _identity!.BootId;

    public string Pin => Api.Client.PinnedHttp.PinOf(Ca.Certificate);

    public string PlainUrl => _plain.Urls.First();

    /// <param name="now">What time it is for this conductor and in its certificates.</param>
    public static async Task<TestConductor> StartAsync(DateTimeOffset? now = null, TimeSpan? certificateLife = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var plain = builder.Build();
        var conductor = new TestConductor(now ?? TimeProvider.System.GetUtcNow(), plain) { CertificateLife = certificateLife ?? TimeSpan.FromHours(1) };
        plain.MapGet(Routes.CaCertificate, () => conductor.Ca.Certificate.ExportCertificatePem());
        plain.MapGet(Routes.Blob, (string digest) => conductor.BlobIsAway(digest)
            ? Results.StatusCode(503)
            : conductor.Blobs.TryGetValue(digest, out var blob) ? Results.File(blob, enableRangeProcessing: true) : Results.NotFound());
        await plain.StartAsync();
        await conductor.ComeBackAsync();
        return conductor;
    }

    public async Task GoAwayAsync()
    {
        await _tls!.DisposeAsync();
        _tls = null;
    }

    public async Task ComeBackAsync()
    {
        _tls = await TlsServer.StartAsync(_certificate, Map, _port);
        _port = _tls.Address.Port;
    }

    public BootArguments Boot(bool withTrust = true) =>
        new(new Uri($"https://127.0.0.1:{_port}"), new Uri(PlainUrl), Pin, Token, withTrust ? Digest.Of(Payload(Chain[0])) : null, "52:54:00:12:34:56");

    /// <summary>Signs a further trust document.</summary>
    public void Advance()
    {
        Trust = Trust with { Version = Trust.Version + 1 };
        Chain.Add(Sign(Trust));
    }

    public byte[] Sign(DeployOrder order, SigningKey? key = null) => Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), key ?? _orderKey);

    public DeployOrder OrderFor(AskOrder ask, TargetDisk target, params string[] steps) => new(
        "job-1", 1, NodeId, BootId, ask.AgentNonce, Trust.Version, [.. steps.Select(step => new OrderStep(step))], _now, _now.AddMinutes(10),
        Digest.Of(Manifest.Length == 0 ? [] : Payload(Manifest)), target, ConfigDriveSha256: ConfigDrive.Length == 0 ? null : Digest.Of(ConfigDrive));

    public async ValueTask DisposeAsync()
    {
        if (_tls is not null)
            await _tls.DisposeAsync();
        await _plain.DisposeAsync();
        foreach (var part in new IDisposable[] { _ca, _certificate, _root, _orderKey, ImageKey })
            part.Dispose();
    }

    private void Map(WebApplication app)
    {
        app.MapPost(Routes.AgentEnrol, async (HttpRequest request) => Enrol(await ReadAsync(request, AgentJson.Default.AgentEnrol)));
        var agents = app.MapGroup("").AddEndpointFilter(async (context, next) => IsAgent(context.HttpContext) ? await next(context) : Refuse(401, "unauthenticated", "This call needs a client certificate."));
        agents.MapPost(Routes.AgentRenew, async (HttpRequest request) =>
        {
            Renewals++;
            return Results.Json(new AgentCertificate(Certify((await ReadAsync(request, AgentJson.Default.AgentRenew)).Csr), _now), AgentJson.Default.AgentCertificate);
        });
        agents.MapGet(Routes.AgentTrust, (int from) => Results.Json(new TrustChain([.. Chain.Skip(from).Select(Convert.ToBase64String)]), AgentJson.Default.TrustChain));
        agents.MapPost(Routes.AgentInventory, async (HttpRequest request) =>
        {
            Inventory = await ReadAsync(request, ApiJson.Default.Inventory);
            return Results.NoContent();
        });
        agents.MapPost(Routes.AgentHeartbeat, async (HttpRequest request) =>
        {
            var beat = await ReadAsync(request, AgentJson.Default.AgentHeartbeat);
            Heartbeats.Enqueue(beat);
            return Results.Json(new HeartbeatAnswer(_now, Order is not null && beat.OrderId is null, Abort), AgentJson.Default.HeartbeatAnswer);
        });
        agents.MapPost(Routes.AgentOrder, async (HttpRequest request) =>
        {
            var ask = await ReadAsync(request, AgentJson.Default.AskOrder);
            Nonces.Enqueue(ask.AgentNonce);
            return Order?.Invoke(ask) is { } envelope ? Results.Bytes(envelope, "application/json") : Results.NoContent();
        });
        agents.MapPost(Routes.AgentStep, async (HttpRequest request) =>
        {
            Reports.Enqueue(await ReadAsync(request, AgentJson.Default.StepReport));
            return Results.NoContent();
        });
        agents.MapPost(Routes.AgentLog, async (HttpRequest request) =>
        {
            Logs.Enqueue(((await ReadAsync(request, AgentJson.Default.AgentLogText)).Text, Reports.Count));
            return Results.NoContent();
        });
        agents.MapGet(Routes.AgentManifest, async (CancellationToken gone) =>
        {
            await ManifestIsReady.WaitAsync(gone);
            return Results.Bytes(Manifest, "application/json");
        });
        agents.MapGet(Routes.AgentConfigDrive, () => Results.Bytes(ConfigDrive));
        agents.MapGet(Routes.AgentRescue, () => RescuePart is { } part ? Results.Bytes(part) : Refuse(404, "not-found", "There is no SSH server for that order."));
    }

    // As the design has it: the same token with the same key gets the same certificate, with another key it is refused.
    private IResult Enrol(AgentEnrol ask)
    {
        lock (_gate)
        {
            if (ask.Token != Token || !ask.Macs.Contains("52:54:00:12:34:56"))
                return Refuse(403, "bad-token", "The one-time token is unknown.");
            var spki = CertificateRequest.LoadSigningRequest(Convert.FromBase64String(ask.Csr), HashAlgorithmName.SHA256).PublicKey.ExportSubjectPublicKeyInfo();
            if (_spki is not null && !_spki.AsSpan().SequenceEqual(spki))
                return Refuse(409, "token-used", "The one-time token of node n7 was used before, with another key.");
            _spki = spki;
            Enrolments++;
            _identity ??= new AgentIdentity(NodeId, "n7", "boot-3", Certify(ask.Csr), _now, [.. Mirrors, $"{PlainUrl}{Routes.Blobs}"]);
            return Results.Json(_identity, AgentJson.Default.AgentIdentity);
        }
    }

    private string Certify(string csr)
    {
        using var certificate = _ca.Client(Convert.FromBase64String(csr), NodeId, _now.AddMinutes(-1), _now + CertificateLife);
        return certificate.ExportCertificatePem();
    }

    private bool IsAgent(HttpContext context)
    {
        if (context.Connection.ClientCertificate is not { } certificate)
            return false;
        using var chain = new X509Chain
        {
            ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { _ca.Certificate }, RevocationMode = X509RevocationMode.NoCheck, VerificationTime = _now.UtcDateTime },
        };
        return chain.Build(certificate) && certificate.Subject == $"CN={NodeId}";
    }

    private byte[] Sign(TrustDocument document) => Envelope.Sign(TrustDocument.PayloadType, document.ToPayload(), _root);

    private static byte[] Payload(byte[] envelope) => Envelope.TryRead(envelope, out _, out var payload, out var rejection) ? payload : throw new InvalidOperationException(rejection.Cause);

    private static IResult Refuse(int status, string type, string title) =>
        Results.Json(new Problem($"urn:baremetal:problem:{type}", title, status), ApiJson.Default.Problem, "application/problem+json", status);

    private static async Task<T> ReadAsync<T>(HttpRequest request, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) => (await JsonSerializer.DeserializeAsync(request.Body, type))!;
}
