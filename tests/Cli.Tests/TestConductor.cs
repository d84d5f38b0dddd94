using System.Net;
using System.Net.ServerSentEvents;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Baremetal.Api;
using Baremetal.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests;

/// <summary>A real TLS server with the API's routes that a test needs, and an operator's files that lead to it.</summary>
internal sealed class TestConductor : IAsyncDisposable
{
    public const string OperatorToken = "bm1_test_0123456789abcdef";

    private readonly TestCa _ca = new();
    private readonly X509Certificate2 _certificate;
    private TlsServer? _server;

    private TestConductor() => _certificate = _ca.Server(IPAddress.Loopback);

    public ScratchFolder Folder { get; } = new();

    public Uri Address { get; private set; } = null!;

    /// <summary>What an operator has who has set up everything.</summary>
    public Surroundings Operator => new()
    {
        Variables = { ["CONDUCTOR_SERVER"] = Address.ToString(), ["CONDUCTOR_TOKEN"] = OperatorToken, ["CONDUCTOR_CA"] = CaFile },
    };

    public string CaFile => Folder["ca.pem"];

    public static async Task<TestConductor> StartAsync(Action<WebApplication> map)
    {
        var conductor = new TestConductor();
        await File.WriteAllTextAsync(conductor.CaFile, conductor._ca.Certificate.ExportCertificatePem());
        await conductor.StartAgainAsync(map);
        return conductor;
    }

    /// <summary>Comes back where it was, as after a crash.</summary>
    public async Task StartAgainAsync(Action<WebApplication> map)
    {
        await StopAsync();
        _server = await TlsServer.StartAsync(_certificate, map, Address?.Port ?? 0);
        Address = _server.Address;
    }

    public async Task StopAsync()
    {
        if (_server is { } running)
            await running.DisposeAsync();
        _server = null;
    }

    public Task<CommandRun> RunAsync(params string[] args) => CommandRun.Of(Operator, args);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _certificate.Dispose();
        _ca.Dispose();
        Folder.Dispose();
    }

    public static IResult Answer<T>(T value, JsonTypeInfo<T> type) => Results.Json(value, type);

    public static IResult Answer(Node node) => Answer(node, ApiJson.Default.Node);

    public static IResult Answer(Job job) => Answer(job, ApiJson.Default.Job);

    public static IResult Refuse(int status, string title, string? remedy = null) =>
        Results.Json(new Problem("urn:baremetal:problem:test", title, status, Remedy: remedy), ApiJson.Default.Problem, "application/problem+json", status);

    /// <summary>Tells events as the conductor does.</summary>
    public static async Task TellAsync(HttpContext context, params Event[] events)
    {
        if (!context.Response.HasStarted)
            context.Response.ContentType = "text/event-stream";
        foreach (var one in events)
        {
            await SseFormatter.WriteAsync(Item(one), context.Response.Body, (item, buffer) =>
            {
                using var json = new Utf8JsonWriter(buffer);
                JsonSerializer.Serialize(json, item.Data, ApiJson.Default.Event);
            }, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static async IAsyncEnumerable<SseItem<Event>> Item(Event one)
    {
        yield return new SseItem<Event>(one, one.Kind) { EventId = one.Seq > 0 ? one.Seq.ToString(System.Globalization.CultureInfo.InvariantCulture) : null };
        await Task.CompletedTask;
    }
}
