using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Baremetal.Lab.Bmc;

namespace Baremetal.Lab.Tests;

/// <summary>What a person with curl would send to the lab's BMC.</summary>
internal sealed class RedfishClient : IDisposable
{
    public const string User = "admin";
    public const string Password = "calvin";

    private readonly HttpClient http;

    public RedfishClient(Lan lan, RedfishService service, string? password = Password)
    {
        var handler = lan.Conductor.CreateHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant() == service.TlsPin;
        http = new HttpClient(handler) { BaseAddress = RedfishService.Address, Timeout = TimeSpan.FromMinutes(2) };
        if (password is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{password}")));
    }

    public async Task<(int Status, JsonNode? Body)> SendAsync(HttpMethod method, string path, string? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.SendAsync(request, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return ((int)response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text));
    }

    public async Task<JsonNode> GetAsync(string path, CancellationToken cancellationToken)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path, null, cancellationToken);
        Assert.Equal(200, status);
        return body!;
    }

    /// <summary>Follows the action's own link, as a client should.</summary>
    public async Task ResetAsync(VirtualServer server, string resetType, CancellationToken cancellationToken)
    {
        var system = await GetAsync(RedfishService.AddressOf(server).AbsolutePath, cancellationToken);
        var target = (string)system["Actions"]!["#ComputerSystem.Reset"]!["target"]!;
        var (status, body) = await SendAsync(HttpMethod.Post, target, $$"""{"ResetType":"{{resetType}}"}""", cancellationToken);
        Assert.True(status == 204, $"{resetType}: {status} {body}");
    }

    public async Task BootOnceAsync(VirtualServer server, string target, CancellationToken cancellationToken)
    {
        var (status, body) = await SendAsync(
            HttpMethod.Patch, RedfishService.AddressOf(server).AbsolutePath,
            $$$"""{"Boot":{"BootSourceOverrideEnabled":"Once","BootSourceOverrideTarget":"{{{target}}}"}}""", cancellationToken);
        Assert.True(status == 200, $"Boot once from {target}: {status} {body}");
    }

    public async Task<string> PowerStateAsync(VirtualServer server, CancellationToken cancellationToken) =>
        (string)(await GetAsync(RedfishService.AddressOf(server).AbsolutePath, cancellationToken))["PowerState"]!;

    public void Dispose() => http.Dispose();
}
