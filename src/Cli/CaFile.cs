using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Trust;

namespace Baremetal.Cli;

/// <summary>A conductor's CA certificate in a file, PEM or DER.</summary>
internal static class CaFile
{
    /// <param name="path">As it was typed.</param>
    /// <param name="missing">What to do where there is no such file.</param>
    public static X509Certificate2 Read(string path, string? missing = null)
    {
        try
        {
            return X509CertificateLoader.LoadCertificate(InputFile.Read(path, "CA certificate", missing: missing));
        }
        catch (CryptographicException e)
        {
            throw Failure.Refused($"The CA certificate {path} cannot be read: {e.Message}", "It must be the conductor's ca.pem.");
        }
    }

    /// <summary>What agents and trust documents pin: the SHA-256 of the certificate in DER.</summary>
    public static Digest DigestOf(string path)
    {
        using var certificate = Read(path);
        return Digest.Of(certificate.RawData);
    }
}
