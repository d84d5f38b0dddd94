using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>What <c>key new</c> has made.</summary>
internal sealed record NewKeys(string Directory, Digest RootKeyId, Digest ImageKeyId, Digest TrustSha256, DateTimeOffset Expires);

/// <summary>
/// A trust document and what can be said of it. <paramref name="Cause"/>: why it is not in force. <paramref name="Changes"/>: what it says
/// otherwise than the version before, if that one is at hand.
/// </summary>
internal sealed record TrustReport(string[] Files, bool Verified, string? Cause, Digest Sha256, [property: JsonPropertyName("document")] JsonElement Payload, IReadOnlyList<string>? Changes)
{
    [JsonIgnore]
    public required TrustDocument Document { get; init; }

    public static TrustReport Of(string[] files, TrustAnchor anchor, TrustDocument? before, DateTimeOffset now) => new(
        files,
        Verified: true,
        anchor.ExpiredAt(now)?.ToString(),
        anchor.Digest,
        JsonElement.Parse(anchor.Document.ToPayload()),
        before is null ? null : TrustDifference.Between(before, anchor.Document))
    {
        Document = anchor.Document,
    };
}

internal static class KeyViews
{
    public static void Made(Screen screen, NewKeys made)
    {
        var at = made.Directory.TrimEnd('/');
        screen.Line($"Made in {at}:");
        screen.Line();
        screen.Line("  root.key          signs trust documents; keep it offline, with a copy");
        screen.Line("  root.pub          its public half");
        screen.Line("  image.key         signs images; keep it where images are built");
        screen.Line("  image.pub         its public half");
        screen.Line($"  trust.dsse.json   version 1: who may sign what, until {made.Expires:yyyy-MM-dd}; no secret");
        screen.Line();
        screen.Line("Next, sign an image; 'deploy-agent write' takes it from there to a disk:");
        screen.Line();
        screen.Line($"  conductor image sign FILE --key {at}/image.key --name NAME --out images");
        screen.Line();
        screen.Line("Once a conductor has started, let it order deploys:");
        screen.Line();
        screen.Line($"  conductor key trust --root-key {at}/root.key --in {at}/trust.dsse.json \\");
        screen.Line("    --add conductor=/var/lib/baremetal/order.pub \\");
        screen.Line($"    --ca /var/lib/baremetal/ca.pem --out {at}/trust-2.dsse.json");
    }

    public static void Signed(Screen screen, TrustReport report)
    {
        var (from, to) = (report.Files[0], report.Files[1]);
        screen.Line($"Signed version {report.Document.Version} of the trust document, in force until {report.Document.Expires:yyyy-MM-dd}: {to}");
        screen.Line();
        Trust(screen, report);
        screen.Line();
        screen.Line("Next, give the conductor both versions; it needs no restart:");
        screen.Line();
        screen.Line($"  cp {from} {to} /etc/baremetal/trust/");
    }

    public static void Trust(Screen screen, TrustReport report)
    {
        var document = report.Document;
        var sheet = new Sheet();
        sheet.Add("Trust document", $"version {document.Version}");
        sheet.Add("Status", report switch
        {
            { Verified: false } => "NOT VERIFIED. " + report.Cause,
            { Cause: not null } => "verified, but expired. " + report.Cause,
            _ => "verified",
        }, report is { Verified: true, Cause: null } ? Tone.Good : Tone.Bad);
        sheet.Add("Expires", Units.Time(document.Expires));
        sheet.Add("SHA-256", report.Sha256.ToString());
        sheet.Add("Conductor CA", document.ConductorCaSha256?.ToString());
        sheet.Add("Least releases", string.Join(", ", document.MinRelease.Select(least => $"{least.Key} {least.Value}")));
        sheet.Add("Revoked keys", string.Join(", ", document.Revoked.Keyids.Select(Short)));
        sheet.Add("Revoked images", string.Join(", ", document.Revoked.Manifests));
        sheet.Write(screen);
        screen.Line();

        var keys = new Table("ROLE", "KEY", "SIGNS");
        AddRole(keys, document, "root", document.Roles.Root, _ => "trust documents");
        AddRole(keys, document, "image", document.Roles.Image, key => "images " + string.Join(", ", document.Roles.Image.Names.GetValueOrDefault(key.ToString(), ["(none)"])));
        AddRole(keys, document, "conductor", document.Roles.Conductor, _ => "orders to agents");
        keys.Write(screen);
        if (report.Changes is not { Count: > 0 } changes)
            return;
        screen.Line();
        screen.Line($"Changed since version {document.Version - 1}:");
        foreach (var change in changes)
            Prose.WriteUnder(screen, "  ", change);
    }

    private static void AddRole(Table table, TrustDocument document, string name, Role role, Func<Digest, string> signs)
    {
        var threshold = role.Threshold > 1 ? $" (with {role.Threshold - 1} more)" : "";
        foreach (var key in role.Keyids)
        {
            var revoked = document.Revoked.Keyids.Contains(key);
            table.Add(name, Short(key), revoked ? new Run("nothing: revoked", Tone.Bad) : signs(key) + threshold);
        }
    }

    /// <summary>Enough of a digest to tell keys apart, and for a command to know which is meant; <c>--output json</c> has them whole.</summary>
    public static string Short(Digest key) => key.ToString()[..16];
}
