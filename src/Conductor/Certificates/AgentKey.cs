using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Trust;

namespace Baremetal.Conductor.Certificates;

/// <summary>The public key of an agent or a runner: ECDSA P-256 and nothing else, known by the SHA-256 of its SubjectPublicKeyInfo.</summary>
public sealed record AgentKey(byte[] Spki)
{
    private const int MostRequestBytes = 4096;

    public Digest Digest => Digest.Of(Spki);

    public static AgentKey Of(X509Certificate2 certificate) => new(certificate.PublicKey.ExportSubjectPublicKeyInfo());

    /// <summary>Reads a PKCS#10 request, DER in base64, whose own signature proves that its sender holds the key.</summary>
    public static bool TryReadRequest(string base64, [NotNullWhen(true)] out AgentKey? key)
    {
        key = null;
        var der = new byte[MostRequestBytes];
        if (!Convert.TryFromBase64String(base64, der, out var length))
            return false;
        try
        {
            var request = CertificateRequest.LoadSigningRequest(der.AsSpan(0, length), HashAlgorithmName.SHA256, out var read);
            var spki = request.PublicKey.ExportSubjectPublicKeyInfo();
            if (read == length && Trust.PublicKey.TryFromSpki(spki, out _))
                key = new AgentKey(spki);
        }
        catch (CryptographicException)
        {
            // No request, or its signature does not hold: null says so.
        }
        return key is not null;
    }
}
