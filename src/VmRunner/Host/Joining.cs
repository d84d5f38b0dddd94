using System.Reflection;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.VmRunner.Host;

/// <summary>From a token to a certificate.</summary>
/// <param name="server">The conductor's TLS address.</param>
/// <param name="plain">Its plain one, for its CA certificate.</param>
/// <param name="file">Where key and identity are kept.</param>
internal sealed class Joining(Uri server, Uri plain, RunnerIdentityFile file, TimeProvider time)
{
    public const int UsualPlainPort = 8080;

    public static readonly string Version = typeof(Joining).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <param name="token">Is neither shown nor kept.</param>
    /// <param name="caFile">The CA certificate in a file, or null.</param>
    /// <param name="pin">The digest of the CA certificate, where there is no file.</param>
    /// <param name="hostName">For want of a name in the token.</param>
    public async Task<SavedRunner> RunAsync(string token, string? caFile, string? pin, string hostName, CancellationToken cancel)
    {
        using var ca = caFile is not null ? ReadCa(caFile) : await FetchCaAsync(pin!, cancel);
        using var key = file.Key();
        using var client = new RunnerClient(server, ca, own: null, time);
        var identity = await client.JoinAsync(new RunnerJoin(RunnerIdentityFile.RequestOf(key), token, hostName, Version), Retry.Person, cancel);
        var saved = new SavedRunner(server, ca.ExportCertificatePem(), identity.Id, identity.Name, identity.Certificate);
        // Held against the key before it takes the place of an identity that works.
        file.Certificate(saved).Dispose();
        file.Save(saved);
        return saved;
    }

    private async Task<X509Certificate2> FetchCaAsync(string pin, CancellationToken cancel)
    {
        using var client = new PlainClient(plain, time);
        var pem = await client.GetAsync(Routes.CaCertificate, Retry.Person, cancel);
        return PinnedHttp.TryTakeCa(Encoding.ASCII.GetString(pem), pin, out var ca, out var cause)
            ? ca
            : throw HostFailure.Refused($"{cause} ({plain})", "Compare the pin with 'conductor runner token'; nothing was sent to that server.");
    }

    private static X509Certificate2 ReadCa(string path)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(path);
        }
        catch (CryptographicException e) when (!File.Exists(path))
        {
            throw HostFailure.NotFound($"There is no CA certificate {path}.", $"The conductor gives it at {Routes.CaCertificate} of its plain port. {e.Message}");
        }
        catch (CryptographicException e)
        {
            throw HostFailure.Refused($"The CA certificate {path} cannot be read: {e.Message}", "It must be the conductor's ca.pem.");
        }
    }
}
