using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Images;

/// <summary>
/// What a deploy would say of the trust documents, before the conductor runs. Documents that are broken are a fault. A conductor that no
/// document names yet must start all the same: its first start makes the keys that one is to name; and what has expired since the last start
/// must not take DHCP away from the servers that are in service.
/// </summary>
internal static class TrustCheck
{
    /// <summary>Null where the documents are sound, or there are none.</summary>
    public static Rejection? FaultOf(ConductorSettings settings)
    {
        try
        {
            return DocumentChain.Read(DocumentChain.Files(settings.TrustDirectory)).Rejection;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Rejection($"The trust documents in {settings.TrustDirectory} cannot be read: {e.Message}", "Let the conductor's user read them.");
        }
    }

    /// <summary>Which version is in force, and whether this conductor may order by it; if not, what has to be done for that.</summary>
    public static string Words(ConductorSettings settings, DateTimeOffset now)
    {
        if (FaultOf(settings) is { } fault)
            return $"none: {fault}";
        var chain = DocumentChain.Read(DocumentChain.Files(settings.TrustDirectory));
        if (chain.Anchor is not { } anchor)
            return $"no document in {settings.TrustDirectory}; deploys are refused until 'conductor key trust' has signed one for it";
        var held = $"version {anchor.Document.Version}, until {anchor.Document.Expires.UtcDateTime:yyyy-MM-dd}";
        if (anchor.ExpiredAt(now) is { } expired)
            return $"{held}; no deploy: {expired}";
        var state = new StateDirectory(settings.StateDirectory, make: false);
        var command = TrustNaming.Command(chain, settings.TrustDirectory, state);
        if (KeysOf(state) is not var (orderKey, ca))
            return $"{held}; no deploy until a version names this conductor's order key and CA, which its first start makes: {command}";
        return TrustNaming.Refusal(anchor.Document, orderKey, ca, command) is { } refusal ? $"{held}; no deploy until the next version names this conductor: {refusal}" : $"{held}, this conductor may order";
    }

    /// <summary>Null before the first start; each start makes them anew from the keys that they follow from.</summary>
    private static (Digest OrderKey, Digest Ca)? KeysOf(StateDirectory state)
    {
        if (!File.Exists(state.CaCertificate) || !Trust.PublicKey.TryLoad(state.OrderPublicKey, out var orderKey, out _))
            return null;
        try
        {
            using var ca = X509CertificateLoader.LoadCertificateFromFile(state.CaCertificate);
            return (orderKey.KeyId, Digest.Of(ca.RawData));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
