using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Conductor.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Baremetal.Conductor.Certificates;

/// <summary>
/// TLS on the one port for both: operators come without a certificate, agents with theirs. A certificate that is not ours ends the
/// handshake. The server's own is made anew at each start and, in a process that runs for long, well before its end.
/// </summary>
public sealed class ServerTls(CertificateAuthority authority, ConductorSettings settings, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(60);

    private readonly Lock _renewing = new();
    private X509Certificate2? _certificate;

    public TlsHandshakeCallbackOptions Options => new()
    {
        OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificate = Current(),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is null || (certificate is X509Certificate2 one && authority.IsAgent(one)),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        }),
    };

    public void Dispose() => _certificate?.Dispose();

    private X509Certificate2 Current()
    {
        lock (_renewing)
        {
            // Handshakes that run may still use the old one: the collector, not we, ends it.
            if (_certificate is null || _certificate.NotAfter.ToUniversalTime() - time.GetUtcNow().UtcDateTime < RenewBefore)
                _certificate = authority.IssueServer(settings.Addresses);
            return _certificate;
        }
    }
}
