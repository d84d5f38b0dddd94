using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Baremetal.Trust;

namespace Baremetal.Conductor.Power;

/// <summary>Where a Redfish service is and who asks it. <paramref name="TlsPin"/>: the SHA-256 of its certificate, for want of an authority.</summary>
internal sealed record RedfishAccess(Uri Address, string? Username, string? Password, string? TlsPin)
{
    /// <summary>As errors name it: without user and password.</summary>
    public override string ToString() => $"The power controller {Address.GetLeftPart(UriPartial.Path)}";
}

/// <summary>
/// One conversation with a Redfish service about one system. A controller that restarts says many things that are not true a minute later
/// (404, an empty list, a page in HTML, 409, a redirect to its own front page): all of them may pass, and the job's limit is what ends the
/// tries. For good are only a refused password, an untrusted certificate, and a choice that is the operator's.
/// </summary>
internal sealed class RedfishService : IDisposable
{
    private const string Root = "/redfish/v1/";
    private const string Systems = Root + "Systems";

    /// <summary>Controllers can take ten seconds for a page; twice that is not coming.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(20);

    /// <summary>A system resource has some kilobytes; a megabyte is not one.</summary>
    private const int MostAnswerBytes = 1 << 20;

    private readonly RedfishAccess _access;
    private readonly TimeProvider _time;
    private readonly Action<string> _own;
    private readonly HttpClient _http;
    private string? _system;

    public RedfishService(RedfishAccess access, TimeProvider time, Action<string> own)
    {
        _access = access;
        _time = time;
        _own = own;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false };
        if (access.TlsPin is { } pin)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null && Digest.Of(certificate.GetRawCertData()).ToString() == pin;
        }
        _http = new HttpClient(handler) { BaseAddress = access.Address, Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MostAnswerBytes };
        if (access.Username is { } user)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{access.Password}")));
        _http.DefaultRequestHeaders.Add("OData-Version", "4.0");
    }

    public async Task<RedfishSystem> GetSystemAsync(CancellationToken cancel) =>
        await GetAsync(await SystemAsync(cancel), RedfishJson.Default.RedfishSystem, cancel);

    public async Task SetBootOverrideAsync(RedfishBoot boot, CancellationToken cancel)
    {
        using var answer = await SendAsync(HttpMethod.Patch, await SystemAsync(cancel), Json(new RedfishBootPatch(boot), RedfishJson.Default.RedfishBootPatch), cancel);
    }

    public async Task ResetAsync(string type, CancellationToken cancel)
    {
        var target = (await GetSystemAsync(cancel)).Actions?.Reset?.Target
            ?? throw Strange($"{_system} offers no action ComputerSystem.Reset");
        using var answer = await SendAsync(HttpMethod.Post, Own(target), Json(new RedfishResetBody(type), RedfishJson.Default.RedfishResetBody), cancel);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Whether a path is that of one system, and not of the service or of all systems.</summary>
    public static bool IsSystem(string path) => path.TrimEnd('/').StartsWith(Systems + "/", StringComparison.OrdinalIgnoreCase);

    private async Task<string> SystemAsync(CancellationToken cancel)
    {
        if (_system is not null)
            return _system;
        var found = await FindSystemAsync(cancel);
        _own(SystemClaims.NameOf(_access.Address, found));
        return _system = found;
    }

    private async Task<string> FindSystemAsync(CancellationToken cancel)
    {
        var path = _access.Address.AbsolutePath.TrimEnd('/');
        if (IsSystem(path))
            return path;
        var members = (await GetAsync(Systems, RedfishJson.Default.RedfishCollection, cancel)).Members ?? [];
        return members switch
        {
            [{ Id: { } one }] => Own(one),
            [] or [_] => throw Strange($"{Systems} lists no system"),
            _ => throw new PowerException(
                $"{_access} has {members.Length} systems: {string.Join(", ", members.Select(member => member.Id))}.",
                "Give the whole path of the right one as the node's power address.",
                again: false),
        };
    }

    /// <summary>A path that the controller named, which is asked with the node's password: it leads nowhere but to the controller's own service.</summary>
    private string Own(string path) =>
        path.StartsWith(Root, StringComparison.Ordinal) && Uri.TryCreate(_access.Address, path, out var whole) && whole.AbsolutePath.StartsWith(Root, StringComparison.Ordinal)
            ? whole.PathAndQuery
            : throw Strange($"it refers to '{path}', which is no path below {Root}");

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        using var answer = await SendAsync(HttpMethod.Get, path, null, cancel);
        try
        {
            return JsonSerializer.Deserialize(await answer.Content.ReadAsByteArrayAsync(cancel), type) ?? throw Strange($"{path} is empty");
        }
        catch (JsonException e)
        {
            throw Strange($"{path} is not the JSON that Redfish demands ({e.Message})");
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancel)
    {
        HttpResponseMessage answer;
        using var patience = new CancellationTokenSource(AnswerWithin, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = body };
            answer = await _http.SendAsync(request, either.Token);
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            throw new PowerException($"{_access} shows a certificate that is not trusted.", "Give the SHA-256 of its certificate as the node's TLS pin.", again: false, e);
        }
        catch (HttpRequestException e)
        {
            throw new PowerException($"{_access} cannot be reached: {e.Message}.", "Check its address, and that this machine may reach it.", again: true, e);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new PowerException($"{_access} did not answer {method} {path} within {AnswerWithin.TotalSeconds:0} s.", "It may be busy; restart it if it stays so.", again: true, e);
        }
        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
        {
            throw answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                ? new PowerException($"{_access} refuses user '{_access.Username}' ({(int)answer.StatusCode}).", "Give the node the user and password of an account that may switch power.", again: false)
                : new PowerException($"{_access} answered {(int)answer.StatusCode} to {method} {path}.", "It may be restarting; if it stays so, its own log should say why.", again: true);
        }
    }

    // With a length: small controllers cannot read a chunked body.
    private static ByteArrayContent Json<T>(T body, JsonTypeInfo<T> type) =>
        new(JsonSerializer.SerializeToUtf8Bytes(body, type)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    private PowerException Strange(string what) => new($"{_access} does not speak Redfish as expected: {what}.", "It may be restarting; if it stays so, check that the address is that of a Redfish service.", again: true);
}
