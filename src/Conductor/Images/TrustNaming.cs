using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Images;

/// <summary>Whether a trust document lets a conductor order deploys: it has to name its order key, and its CA.</summary>
internal static class TrustNaming
{
    /// <summary>Null where it does.</summary>
    public static Rejection? Refusal(TrustDocument document, Digest orderKey, Digest ca, string command)
    {
        if (!document.Roles.Conductor.Keyids.Contains(orderKey) || document.Revoked.Keyids.Contains(orderKey))
            return new Rejection($"Trust document version {document.Version} does not name this conductor's order key ({orderKey}).", $"Sign the next version: {command}.");
        return document.ConductorCaSha256 == ca ? null
            : new Rejection($"Trust document version {document.Version} names another CA than this conductor's ({ca}).", $"Sign the next version: {command}.");
    }

    /// <summary>The command that signs the version which does, in quotes.</summary>
    public static string Command(DocumentChain chain, string directory, StateDirectory state)
    {
        var next = Path.Combine(directory, $"trust-{(chain.Anchor?.Document.Version ?? 1) + 1}.dsse.json");
        return $"'conductor key trust --root-key root.key --in {chain.Newest ?? "trust.dsse.json"} --add conductor={state.OrderPublicKey} --ca {state.CaCertificate} --out {next}'";
    }
}
