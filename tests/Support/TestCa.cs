using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Baremetal.Support;

/// <summary>A certificate authority of one test, with the certificates that it hands out.</summary>
public sealed class TestCa : IDisposable
{
    private static readonly DateTimeOffset Start = TimeProvider.System.GetUtcNow().AddDays(-1);
    private static readonly DateTimeOffset End = Start.AddDays(2);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _withKey;
    private readonly (DateTimeOffset NotBefore, DateTimeOffset NotAfter) _valid;

    public TestCa() : this(Start, End)
    {
    }

    /// <summary>A CA that is valid in this time; so are the certificates that it makes for servers.</summary>
    public TestCa(DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        _valid = (notBefore, notAfter);
        var request = new CertificateRequest("CN=test CA", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        _withKey = request.CreateSelfSigned(notBefore, notAfter);
        Certificate = X509CertificateLoader.LoadCertificate(_withKey.RawData);
    }

    /// <summary>Without its key.</summary>
    public X509Certificate2 Certificate { get; }

    public X509Certificate2 Server(params IPAddress[] addresses)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var address in addresses)
            names.AddIpAddress(address);
        var request = new CertificateRequest("CN=conductor", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        using var signed = request.Create(_withKey, _valid.NotBefore, _valid.NotAfter, RandomNumberGenerator.GetBytes(16));
        using var withKey = signed.CopyWithPrivateKey(key);
        // SslStream wants a key that it can find again, which one round through PKCS#12 gives.
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), password: null);
    }

    /// <summary>A client certificate for a PKCS#10 request, whose own subject counts for nothing.</summary>
    public X509Certificate2 Client(byte[] csr, string name, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        var asked = CertificateRequest.LoadSigningRequest(csr, HashAlgorithmName.SHA256);
        var request = new CertificateRequest(new X500DistinguishedName($"CN={name}"), asked.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        return request.Create(_withKey.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), notBefore, notAfter, RandomNumberGenerator.GetBytes(16));
    }

    public void Dispose()
    {
        Certificate.Dispose();
        _withKey.Dispose();
        _key.Dispose();
    }
}
