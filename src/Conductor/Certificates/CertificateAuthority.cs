using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Certificates;

/// <summary>
/// The conductor's own authority: made at the first start, pinned by agents through its digest in the boot script and in the trust document.
/// It signs the server's certificate and those of agents and runners, and nothing else.
/// </summary>
public sealed class CertificateAuthority : IDisposable
{
    private static readonly Oid ServerAuth = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientAuth = new("1.3.6.1.5.5.7.3.2");

    /// <summary>An agent's certificate outlives its conductor's restart, not its own deploy by much; it can be renewed.</summary>
    public static readonly TimeSpan AgentLife = TimeSpan.FromHours(1);

    /// <summary>A runner may stand without a conductor for a season, and renews long before.</summary>
    public static readonly TimeSpan RunnerLife = TimeSpan.FromDays(90);

    /// <summary>The unit in a runner's subject. An agent's has none: neither of the two passes for the other.</summary>
    private const string RunnerUnit = "baremetal runner";

    private const string UnitOid = "2.5.4.11";

    /// <summary>Below the 398 days that clients accept.</summary>
    private static readonly TimeSpan ServerLife = TimeSpan.FromDays(365);

    // Machines' clocks differ; a certificate that is not valid yet is refused by all of them.
    private static readonly TimeSpan Backdate = TimeSpan.FromHours(1);

    /// <summary>The authority's own: a conductor that was first started with its clock ahead must not be out of order until that time comes.</summary>
    private const int YearsBackdated = 1;

    private readonly TimeProvider _time;
    private readonly X509Certificate2 _certificate;

    public CertificateAuthority(StateDirectory state, TimeProvider time)
    {
        _time = time;
        if (!File.Exists(state.CaKey))
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            StateDirectory.WriteSecret(state.CaKey, Encoding.ASCII.GetBytes(made.ExportPkcs8PrivateKeyPem()));
        }
        if (!File.Exists(state.CaCertificate))
        {
            using var key = ECDsa.Create();
            key.ImportFromPem(File.ReadAllText(state.CaKey));
            using var made = SelfSign(key);
            StateDirectory.WriteSecret(state.CaCertificate, Encoding.ASCII.GetBytes(made.ExportCertificatePem()));
            File.SetUnixFileMode(state.CaCertificate, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
        _certificate = X509Certificate2.CreateFromPemFile(state.CaCertificate, state.CaKey);
        // Said at the start, and not to the first who connects; a machine whose clock is set a little later tries again.
        _ = Life(time.GetUtcNow());
    }

    public string Pem => _certificate.ExportCertificatePem();

    /// <summary>SHA-256 of the certificate in DER: what agents pin.</summary>
    public Digest Digest => Digest.Of(_certificate.RawData);

    public X509Certificate2 IssueServer(IEnumerable<IPAddress> addresses)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Leaf("CN=baremetal conductor", key, ServerAuth);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var address in addresses.Append(IPAddress.Loopback).Append(IPAddress.IPv6Loopback).Distinct())
            names.AddIpAddress(address);
        names.AddDnsName("localhost");
        names.AddDnsName(Dns.GetHostName());
        request.CertificateExtensions.Add(names.Build());
        using var signed = Sign(request, ServerLife);
        return signed.CopyWithPrivateKey(key);
    }

    /// <summary>Certifies an agent's key. Who it is the caller has found out; the request's own subject is not looked at.</summary>
    public X509Certificate2 IssueAgent(AgentKey key, string nodeId) => IssueClient(key, $"CN={nodeId}", AgentLife);

    /// <summary>Certifies a runner's key.</summary>
    public X509Certificate2 IssueRunner(AgentKey key, string runnerId) => IssueClient(key, $"CN={runnerId}, OU={RunnerUnit}", RunnerLife);

    /// <summary>Whether this is a certificate that we gave to an agent, good now. Which boot of which node it speaks for is the caller's question.</summary>
    public bool IsAgent(X509Certificate2 certificate) => UnitOf(certificate) is null && IsClient(certificate);

    /// <summary>Whether this is a certificate that we gave to a runner, good now. Whether that is still one of ours is the caller's question.</summary>
    public bool IsRunner(X509Certificate2 certificate) => UnitOf(certificate) == RunnerUnit && IsClient(certificate);

    /// <summary>Whether this is a certificate that we gave to somebody who calls us, good now.</summary>
    public bool IsClient(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_certificate);
        chain.ChainPolicy.ApplicationPolicy.Add(ClientAuth);
        // The keys are looked up on each call: no list of revoked ones is needed.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().UtcDateTime;
        return chain.Build(certificate);
    }

    public void Dispose() => _certificate.Dispose();

    private X509Certificate2 SelfSign(ECDsa key)
    {
        var request = new CertificateRequest("CN=baremetal conductor CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var now = _time.GetUtcNow();
        return request.CreateSelfSigned(now.AddYears(-YearsBackdated), now.AddYears(10));
    }

    private (DateTimeOffset First, DateTimeOffset Last) Life(DateTimeOffset now)
    {
        var (first, last) = (new DateTimeOffset(_certificate.NotBefore), new DateTimeOffset(_certificate.NotAfter));
        if (now < first || now >= last)
        {
            throw new InvalidDataException(
                $"The conductor's certificate authority is good from {first.UtcDateTime:u} to {last.UtcDateTime:u}, and this machine's clock says {now.UtcDateTime:u}. Set the clock; or, if the authority has ended, remove ca.pem and ca.key for a new one, and sign a trust document that names it.");
        }
        return (first, last);
    }

    private X509Certificate2 IssueClient(AgentKey key, string subject, TimeSpan life)
    {
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        return Sign(Leaf(subject, ecdsa, ClientAuth), life);
    }

    private static string? UnitOf(X509Certificate2 certificate) =>
        certificate.SubjectName.EnumerateRelativeDistinguishedNames().FirstOrDefault(part => !part.HasMultipleElements && part.GetSingleElementType().Value == UnitOid)?.GetSingleElementValue();

    private static CertificateRequest Leaf(string subject, ECDsa key, Oid usage)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([usage], critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    /// <summary>A certificate that begins before its issuer or ends after it is good nowhere, and .NET does not make it: within those bounds it gets the life that is asked for.</summary>
    private X509Certificate2 Sign(CertificateRequest request, TimeSpan life)
    {
        var now = _time.GetUtcNow();
        var (first, last) = Life(now);
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7f;
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        return request.Create(_certificate, now - Backdate < first ? first : now - Backdate, now + life > last ? last : now + life, serial);
    }
}
