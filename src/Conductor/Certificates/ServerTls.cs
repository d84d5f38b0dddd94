using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Conductor.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Baremetal.Conductor.Certificates;

/// <summary>
/// TLS on the one port for both: operators come without a certificate, agents and runners with theirs. A certificate that is not ours ends the
/// handshake. The server's own is made anew at each start and, in a process that runs for long, when half of its life is over.
/// </summary>
public sealed class ServerTls(CertificateAuthority authority, ConductorSettings settings, TimeProvider time) : IDisposable
{
    private readonly Lock _renewing = new();
    private X509Certificate2? _certificate;
    private DateTimeOffset _renewAt;

    public TlsHandshakeCallbackOptions Options => new()
    {
        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificate = Current(),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is null || (certificate is X509Certificate2 one && authority.IsClient(one)),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        }),
    };

    public void Dispose() => _certificate?.Dispose();

    private X509Certificate2 Current()
    {
        lock (_renewing)
        {
            // Handshakes that run may still use the old one: the collector, not we, ends it.
            var now = time.GetUtcNow();
            if (_certificate is null || now >= _renewAt)
            {
                _certificate = authority.IssueServer(settings.Addresses);
                // Near the authority's end each one is short: a fixed time before its end would be now, at every handshake.
                _renewAt = now + (new DateTimeOffset(_certificate.NotAfter) - now) / 2;
            }
            return _certificate;
        }
    }
}
