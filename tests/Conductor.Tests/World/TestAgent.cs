using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A machine that netboots as iPXE does, and an agent on it that makes the real calls over mutual TLS; only its disk is missing.</summary>
internal sealed partial class TestAgent : IDisposable
{
    public static readonly Disk OneDisk = new("vda", 8L << 30, "disk-1", null, "virtio", null, Rotational: false, ReadOnly: false, 512, 512, "pci-0000:00:04.0");

    private readonly TestConductor _conductor;
    private readonly string _mac;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private HttpClient? _http;

    public TestAgent(TestConductor conductor, string mac) => (_conductor, _mac) = (conductor, mac);

    public Guid Uuid { get; init; } = Guid.NewGuid();

    public string? Token { get; private set; }

    public AgentIdentity? Identity { get; private set; }

    /// <summary>New for each start of the agent.</summary>
    public string Nonce { get; private set; } = NewNonce();

    public static Inventory Machine(params Disk[] disks) => new(
        new Processor("QEMU", "x86_64", 1, 1, 1), 1L << 30, disks.Length == 0 ? [OneDisk] : disks, [], FirmwareMode.Bios,
        new SystemIdentity("QEMU", "pc", null, null, "SeaBIOS", "1"));

    /// <summary>Fetches what the machine shall boot; keeps the token if that is the agent.</summary>
    public async Task<string> FetchScriptAsync(int arch = 0)
    {
        var script = await _conductor.Plain.GetStringAsync($"{Routes.BootScript}?mac={_mac}&uuid={Uuid:D}&arch={arch}");
        if (TokenInScript().Match(script) is { Success: true } found)
            Token = found.Groups["token"].Value;
        return script;
    }

    /// <summary>From the boot script to the inventory, as a machine that was started from the network.</summary>
    public async Task BootAsync(Inventory? inventory = null)
    {
        await FetchScriptAsync();
        Assert.NotNull(Token);
        await EnrolAsync();
        await TellInventoryAsync(inventory ?? Machine());
    }

    public async Task<AgentIdentity> EnrolAsync(string? token = null, ECDsa? key = null, string? mac = null)
    {
        using var anonymous = Connect(null);
        var ask = new AgentEnrol(Csr(key ?? _key), token ?? Token!, [mac ?? _mac], Uuid, null, "test");
        var identity = await SendAsync(anonymous, Routes.AgentEnrol, ask, AgentJson.Default.AgentEnrol, AgentJson.Default.AgentIdentity);
        if (key is null)
        {
            Identity = identity;
            _http = Connect(identity!.Certificate);
        }
        return identity!;
    }

    public Task TellInventoryAsync(Inventory inventory) => SendAsync(Http, Routes.AgentInventory, inventory, ApiJson.Default.Inventory);

    /// <summary>What an agent of ours would not say.</summary>
    public async Task TellAsync(string path, string json)
    {
        using var body = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await Http.PostAsync(path, body);
        await RequireAsync(answer);
    }

    public Task TellLogAsync(string text) => SendAsync(Http, Routes.AgentLog, new AgentLogText(text), AgentJson.Default.AgentLogText);

    public Task<HeartbeatAnswer> BeatAsync(string? order = null, string? step = null, Progress? progress = null) =>
        SendAsync(Http, Routes.AgentHeartbeat, new AgentHeartbeat(Identity!.BootId, order, step, progress, 0), AgentJson.Default.AgentHeartbeat, AgentJson.Default.HeartbeatAnswer)!;

    public Task<AgentCertificate> RenewAsync(ECDsa? key = null) =>
        SendAsync(Http, Routes.AgentRenew, new AgentRenew(Csr(key ?? _key)), AgentJson.Default.AgentRenew, AgentJson.Default.AgentCertificate)!;

    /// <summary>The order, checked as an agent checks it; null when there is none.</summary>
    public async Task<DeployOrder?> AskOrderAsync()
    {
        using var answer = await Http.PostAsync(Routes.AgentOrder, JsonContent.Create(new AskOrder(Nonce), AgentJson.Default.AskOrder));
        await RequireAsync(answer);
        if (answer.StatusCode == HttpStatusCode.NoContent)
            return null;
        var chain = await GetAsync($"{Routes.AgentTrust}?from=0", AgentJson.Default.TrustChain);
        Assert.True(TrustAnchor.TryWalk([.. chain.Envelopes.Select(Convert.FromBase64String)], out var anchor, out var rejection), rejection?.ToString());
        Assert.True(anchor.TryOpenOrder(await answer.Content.ReadAsByteArrayAsync(), out var order, out rejection), rejection?.ToString());
        Assert.Equal((Identity!.NodeId, Identity.BootId, Nonce), (order.NodeId, order.BootId, order.AgentNonce));
        return order;
    }

    public Task ReportAsync(DeployOrder order, string step, StepOutcome outcome, string? cause = null, WriteResult? result = null, ErasedDisk[]? erased = null, string? code = null) =>
        SendAsync(Http, Routes.For(Routes.AgentStep, order.OrderId), new StepReport(Identity!.BootId, order.AgentNonce, step, outcome, cause, result, erased, Code: code), AgentJson.Default.StepReport);

    public Task TellHostKeyAsync(DeployOrder order, string key) =>
        SendAsync(Http, Routes.For(Routes.AgentStep, order.OrderId), new StepReport(Identity!.BootId, order.AgentNonce, OrderSteps.Rescue, StepOutcome.Started, null, null, HostKey: key), AgentJson.Default.StepReport);

    public Task<byte[]> FetchConfigDriveAsync(string order) => FetchAsync(Routes.For(Routes.AgentConfigDrive, order));

    public Task<byte[]> FetchRescueAsync(string order) => FetchAsync(Routes.For(Routes.AgentRescue, order));

    private async Task<byte[]> FetchAsync(string path)
    {
        using var answer = await Http.GetAsync(path);
        await RequireAsync(answer);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type)
    {
        using var answer = await Http.GetAsync(path);
        await RequireAsync(answer);
        return (await answer.Content.ReadFromJsonAsync(type))!;
    }

    /// <summary>The process ends and is started again, on the same boot: it comes back as itself, with a new nonce.</summary>
    public void RestartProcess() => Nonce = NewNonce();

    public void Dispose()
    {
        _http?.Dispose();
        _key.Dispose();
    }

    public static string Csr(ECDsa key) => Convert.ToBase64String(new CertificateRequest("CN=whatever", key, HashAlgorithmName.SHA256).CreateSigningRequest());

    private HttpClient Http => _http ?? throw new InvalidOperationException("the agent has not enrolled");

    private HttpClient Connect(string? certificate)
    {
        X509Certificate2? client = null;
        if (certificate is not null)
        {
            using var bare = X509Certificate2.CreateFromPem(certificate);
            client = bare.CopyWithPrivateKey(_key);
        }
        using var ca = _conductor.Certificate();
        return new HttpClient(PinnedHttp.Handler(X509CertificateLoader.LoadCertificate(ca.RawData), CertificateTimes.Ignored, client)) { BaseAddress = _conductor.TlsUrl, Timeout = TestConductor.AnswerTime };
    }

    private static async Task SendAsync<T>(HttpClient http, string path, T body, JsonTypeInfo<T> type)
    {
        using var answer = await http.PostAsync(path, JsonContent.Create(body, type));
        await RequireAsync(answer);
    }

    private static async Task<TAnswer> SendAsync<T, TAnswer>(HttpClient http, string path, T body, JsonTypeInfo<T> type, JsonTypeInfo<TAnswer> answerType)
    {
        using var answer = await http.PostAsync(path, JsonContent.Create(body, type));
        await RequireAsync(answer);
        return (await answer.Content.ReadFromJsonAsync(answerType))!;
    }

    private static async Task RequireAsync(HttpResponseMessage answer)
    {
        if (!answer.IsSuccessStatusCode)
            throw new ProblemException((await answer.Content.ReadFromJsonAsync(ApiJson.Default.Problem))!);
    }

    private static string NewNonce() => RandomNumberGenerator.GetHexString(64, lowercase: true);

    [GeneratedRegex(@"bm\.token=(?<token>[0-9a-f]{32})", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TokenInScript();
}
