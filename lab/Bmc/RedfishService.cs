using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Baremetal.Lab.Bmc;

/// <summary>
/// The BMC of every virtual server on a LAN: a Redfish service (DSP0266) at <see cref="Lan.BmcAddress"/>, reachable from the LAN alone. An
/// action answers when it is done, and nothing is remembered here: the state is asked of the servers.
/// </summary>
public sealed class RedfishService : IAsyncDisposable
{
    public const int Port = 8000;

    // A body here is a few words; the cap is what keeps a client's mistake from filling memory.
    private const int BodyLength = 16 * 1024;

    private readonly Lan lan;
    private readonly byte[] credentials;
    private readonly X509Certificate2 certificate = BmcCertificate.Create(Lan.BmcAddress);
    private readonly WebApplication application;

    private RedfishService(Lan lan, string userName, string password)
    {
        this.lan = lan;
        credentials = Encoding.UTF8.GetBytes($"{userName}:{password}");

        // The empty builder reads no environment, no files and no signals: the lab decides.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, LabLifetime>();
        builder.Services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = lan.Conductor.CreateBoundListenSocket);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            options.Listen(Lan.BmcAddress, Port, port => port.UseHttps(certificate));
            options.Limits.MaxRequestBodySize = BodyLength;
        });
        application = builder.Build();
        application.Use(AdmitAsync);
        application.UseRouting();
        Map();
    }

    /// <summary>The service's address, without a path.</summary>
    public static Uri Address { get; } = new($"https://{Lan.BmcAddress}:{Port}");

    /// <summary>The SHA-256 of its certificate (DER), which no authority vouches for: what a node's <c>--redfish-tls-pin</c> is.</summary>
    public string TlsPin => certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();

    /// <summary>Starts the service. Servers that join the LAN later are shown too.</summary>
    public static async Task<RedfishService> StartAsync(Lan lan, string userName, string password, CancellationToken cancellationToken = default)
    {
        var service = new RedfishService(lan, userName, password);
        try
        {
            await service.application.StartAsync(cancellationToken);
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a server's <c>ComputerSystem</c> is.</summary>
    public static Uri AddressOf(VirtualServer server) => new(Address, RedfishResources.PathOf(server));

    public async ValueTask DisposeAsync()
    {
        await application.DisposeAsync();
        certificate.Dispose();
    }

    private void Map()
    {
        application.MapGet("/redfish", context => AnswerAsync(context, RedfishResources.Versions()));
        application.MapGet(RedfishResources.Root, context => AnswerAsync(context, RedfishResources.ServiceRoot()));
        application.MapGet(RedfishResources.Systems, context => AnswerAsync(context, RedfishResources.Collection(lan.Servers)));
        application.MapGet(RedfishResources.System, OnSystem((context, server) => AnswerAsync(context, RedfishResources.ComputerSystem(server))));
        application.MapPatch(RedfishResources.System, OnSystem(PatchAsync));
        application.MapPost(RedfishResources.Reset, OnSystem(ResetAsync));
        application.MapFallback(context => RefuseAsync(context, RedfishError.Missing(context.Request.Path)));
    }

    /// <summary>Lets in whoever has the password; the service root is open to all (DSP0266 §13.2).</summary>
    private Task AdmitAsync(HttpContext context, RequestDelegate next)
    {
        context.Response.Headers["OData-Version"] = "4.0";
        var path = context.Request.Path.Value!.TrimEnd('/');
        if (path is "/redfish" or "/redfish/v1" || MayEnter(context.Request.Headers.Authorization))
            return next(context);
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"Lab BMC\"";
        return RefuseAsync(context, RedfishError.Unauthorized);
    }

    private bool MayEnter(string? authorization)
    {
        const string scheme = "Basic ";
        if (authorization is null || !authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        var given = new byte[authorization.Length];
        return Convert.TryFromBase64String(authorization[scheme.Length..].Trim(), given, out var length)
            && CryptographicOperations.FixedTimeEquals(given.AsSpan(0, length), credentials);
    }

    private RequestDelegate OnSystem(Func<HttpContext, VirtualServer, Task> answer) => context =>
        lan.Servers.FirstOrDefault(server => server.Spec.Name == (string?)context.Request.RouteValues["id"]) is { } server
            ? answer(context, server)
            : RefuseAsync(context, RedfishError.Missing(context.Request.Path));

    private static async Task PatchAsync(HttpContext context, VirtualServer server)
    {
        if (!BootOverride.TryRead(await ReadBodyAsync(context), server, out var next, out var error))
        {
            await RefuseAsync(context, error!);
            return;
        }
        server.NextBoot = next;
        await AnswerAsync(context, RedfishResources.ComputerSystem(server));
    }

    private static async Task ResetAsync(HttpContext context, VirtualServer server)
    {
        // Not under the request's token: a client that hangs up does not leave a server half switched.
        if (await PowerActions.RunAsync(server, await ReadBodyAsync(context)) is { } error)
            await RefuseAsync(context, error);
        else
            context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>Null when it is no JSON.</summary>
    private static async Task<JsonNode?> ReadBodyAsync(HttpContext context)
    {
        try
        {
            return await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Task RefuseAsync(HttpContext context, RedfishError error)
    {
        context.Response.StatusCode = (int)error.Status;
        return AnswerAsync(context, error.ToJson());
    }

    private static Task AnswerAsync(HttpContext context, JsonObject body)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.WriteAsync(body.ToJsonString());
    }
}
