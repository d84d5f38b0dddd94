using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Baremetal.Support;

/// <summary>
/// A real HTTPS server on the loopback with the routes of one test. It asks for a client certificate and takes none, too; who may do what
/// is for the routes to say.
/// </summary>
public sealed class TlsServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TlsServer(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.First());

    /// <param name="certificate">The server's, with its key.</param>
    /// <param name="port">0 takes any; a server that comes back where it was gives its old one.</param>
    /// <param name="clientCa">Whose client certificates are taken; all, if it is not given.</param>
    public static async Task<TlsServer> StartAsync(X509Certificate2 certificate, Action<WebApplication> map, int port = 0, X509Certificate2? clientCa = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            // Kestrel's own options refuse a certificate that is not for servers, which a test may want to show.
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificate = certificate,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, given, _, _) => given is null || clientCa is null || IsFrom(clientCa, (X509Certificate2)given),
            }),
        })));
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return new TlsServer(app);
    }

    /// <summary>Ends at once: open connections are cut, as they are when a machine loses its power.</summary>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private static bool IsFrom(X509Certificate2 ca, X509Certificate2 certificate)
    {
        using var chain = new X509Chain
        {
            ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { ca }, RevocationMode = X509RevocationMode.NoCheck },
        };
        return chain.Build(certificate);
    }
}
