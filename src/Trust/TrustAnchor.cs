using System.Diagnostics.CodeAnalysis;

namespace Baremetal.Trust;

/// <summary>
/// The trust document that is in force, and all decisions that follow from it. There is no way to one but through its signatures:
/// pinned by digest or given by hand first, then advanced version by version.
/// </summary>
public sealed class TrustAnchor
{
    private TrustAnchor(TrustDocument document, Digest digest)
    {
        Document = document;
        Digest = digest;
    }

    public TrustDocument Document { get; }

    /// <summary>The document's digest: what a boot script pins.</summary>
    public Digest Digest { get; }

    /// <summary>Takes a document that reached us over a path that we trust; it must be signed by its own root keys.</summary>
    public static bool TryPin(ReadOnlySpan<byte> envelope, [NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        anchor = null;
        if (!Envelope.TryRead(envelope, out _, out var payload, out rejection) || !TrustDocument.TryParse(payload, out var document, out rejection))
            return false;
        if (!TryOpen(envelope, TrustDocument.PayloadType, document, document.Roles.Root, document.Roles.Root.Threshold, "its own root role", out var signed, out rejection))
            return false;
        anchor = new TrustAnchor(document, signed.Digest);
        return true;
    }

    /// <summary>Takes a whole chain, oldest first.</summary>
    public static bool TryWalk(IReadOnlyList<byte[]> envelopes, [NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        anchor = null;
        rejection = null;
        if (envelopes.Count == 0)
        {
            rejection = new Rejection("There is no trust document.");
            return false;
        }
        if (!TryPin(envelopes[0], out var current, out rejection))
            return false;
        foreach (var envelope in envelopes.Skip(1))
        {
            if (!current.TryAdvance(envelope, out var next, out rejection))
                return false;
            current = next;
        }
        anchor = current;
        return true;
    }

    /// <summary>Takes version N+1 if the root roles of N and of N+1 have both signed it.</summary>
    public bool TryAdvance(ReadOnlySpan<byte> envelope, [NotNullWhen(true)] out TrustAnchor? next, [NotNullWhen(false)] out Rejection? rejection)
    {
        next = null;
        if (!TryOpen(envelope, TrustDocument.PayloadType, Document, Document.Roles.Root, Document.Roles.Root.Threshold, $"the root role of version {Document.Version}", out var signed, out rejection)
            || !TrustDocument.TryParse(signed.Payload, out var document, out rejection))
            return false;
        if (document.Version != Document.Version + 1)
        {
            rejection = new Rejection($"Trust document version {document.Version} cannot follow version {Document.Version}.", "Give the versions one by one, in order.");
            return false;
        }
        if (!TryOpen(envelope, TrustDocument.PayloadType, document, document.Roles.Root, document.Roles.Root.Threshold, $"the root role of version {document.Version}", out _, out rejection))
            return false;
        next = new TrustAnchor(document, signed.Digest);
        return true;
    }

    /// <summary>Opens an image manifest that may be written at this time: signed by enough signers for its name, not expired, not revoked, not too old.</summary>
    public bool TryOpenManifest(
        ReadOnlySpan<byte> envelope,
        DateTimeOffset now,
        [NotNullWhen(true)] out ImageManifest? manifest,
        out Digest digest,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        var opened = TryOpenManifest(envelope, now, Document.Roles.Image.Threshold, out var signed, out rejection);
        (manifest, digest) = (signed?.Manifest, signed?.Digest ?? default);
        return opened;
    }

    /// <summary>Opens an image manifest that another signer has signed before this one. But for the number of signers, it could be written at this time.</summary>
    public bool TryOpenManifestToCosign(
        ReadOnlySpan<byte> envelope,
        PublicKey signer,
        DateTimeOffset now,
        [NotNullWhen(true)] out SignedManifest? signed,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        if (!TryOpenManifest(envelope, now, demanded: 1, out signed, out rejection))
            return false;
        var name = signed.Manifest.Predicate.Name;
        if (signed.Signers.Contains(signer.KeyId))
            rejection = new Rejection($"Key {signer.KeyId} has signed the manifest already, and counts once.", "Sign it with another key of the image role.");
        else if (!Document.KeysOf(Document.Roles.Image).Any(key => key.KeyId == signer.KeyId))
            rejection = new Rejection($"Key {signer.KeyId} is no image key of trust document version {Document.Version}, or is revoked; its signature would count nowhere.", "Let it sign images with 'conductor key trust --add image=FILE' first.");
        else if (!Document.MaySign(signer.KeyId, name))
            rejection = new Rejection($"Key {signer.KeyId} may not sign images named {name}.", "Sign it with a key whose names in the trust document match it.");
        if (rejection is not null)
            signed = null;
        return signed is not null;
    }

    private bool TryOpenManifest(
        ReadOnlySpan<byte> envelope,
        DateTimeOffset now,
        int demanded,
        [NotNullWhen(true)] out SignedManifest? manifest,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        manifest = null;
        if (ExpiredAt(now) is { } expired)
        {
            rejection = expired;
            return false;
        }
        if (!TryOpen(envelope, ImageManifest.PayloadType, Document, Document.Roles.Image, demanded, "the image role", out var signed, out rejection)
            || !ImageManifest.TryParse(signed.Payload, out var read, out rejection))
            return false;

        var image = read.Predicate;
        var signers = signed.Signers.Where(signer => Document.MaySign(signer, image.Name)).ToHashSet();
        if (signers.Count < demanded)
            rejection = new Rejection($"Image {image.Name} is signed by a key that may not sign images of that name.", "Sign it with a key whose names in the trust document match it.");
        else if (Document.Revoked.Manifests.Contains(signed.Digest))
            rejection = new Rejection($"Image {image.Name}:{image.Version} (manifest {signed.Digest}) is revoked by the trust document, version {Document.Version}.", "Use another image of that name; 'conductor key list' shows all that is revoked.");
        else if (image.NotAfter is { } notAfter && now > notAfter)
            rejection = new Rejection($"Image {image.Name}:{image.Version} expired at {notAfter:u}; the time is {now:u}.", "Sign it anew, or use a newer release.");
        else if (Document.MinRelease.TryGetValue(image.Name, out var least) && image.Release < least)
            rejection = new Rejection($"Image {image.Name}:{image.Version} is release {image.Release}; the trust document demands {least} or later.", "Use a newer release.");
        if (rejection is not null)
            return false;
        manifest = new SignedManifest(read, signed.Digest, signers);
        return true;
    }

    /// <summary>
    /// The digest of a manifest that an image key has signed, be the key revoked or the manifest old: to revoke it. One that nobody signed is
    /// refused: it may be an altered copy, and revoking that would leave the true one in force.
    /// </summary>
    public bool TryFindManifestDigest(ReadOnlySpan<byte> envelope, out Digest digest, [NotNullWhen(false)] out Rejection? rejection)
    {
        digest = default;
        var role = Document.Roles.Image;
        if (!Envelope.TryOpen(envelope, ImageManifest.PayloadType, [.. Document.KeysOf(role), .. Document.RevokedKeysOf(role)], out var signed, out rejection))
            return false;
        if (signed.Signers.Count == 0)
        {
            rejection = new Rejection($"No image key of trust document version {Document.Version} has signed the manifest.", "It was altered, or none of these keys' images: then it is refused already.");
            return false;
        }
        digest = signed.Digest;
        return true;
    }

    /// <summary>Opens an order of a conductor that the trust document names. Whom it is for, and whether it is still good, its reader checks.</summary>
    public bool TryOpenOrder(ReadOnlySpan<byte> envelope, [NotNullWhen(true)] out DeployOrder? order, [NotNullWhen(false)] out Rejection? rejection)
    {
        order = null;
        return TryOpen(envelope, DeployOrder.PayloadType, Document, Document.Roles.Conductor, Document.Roles.Conductor.Threshold, "the conductor role", out var signed, out rejection)
            && DeployOrder.TryParse(signed.Payload, out order, out rejection);
    }

    /// <summary>Null while the document is in force.</summary>
    public Rejection? ExpiredAt(DateTimeOffset now) => now <= Document.Expires
        ? null
        : new Rejection($"Trust document version {Document.Version} expired at {Document.Expires:u}; the time is {now:u}.", "Sign the next version with 'conductor key trust'.");

    private static bool TryOpen(
        ReadOnlySpan<byte> envelope,
        string type,
        TrustDocument document,
        Role role,
        int demanded,
        string roleName,
        [NotNullWhen(true)] out SignedPayload? signed,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        if (!Envelope.TryOpen(envelope, type, document.KeysOf(role), out signed, out rejection))
            return false;
        if (signed.Signers.Count >= demanded)
            return true;
        var (count, revoked) = (signed.Signers.Count, document.RevokedKeysOf(role));
        var found = $"The signed document has {count} valid signature(s) of {roleName}, which demands {demanded}";
        rejection = Envelope.TryOpen(envelope, type, revoked, out signed, out _) && signed.Signers.Count > 0
            ? new Rejection($"{found}; those of {string.Join(", ", signed.Signers)} do not count, since version {document.Version} of the trust document revokes the key.", "Sign it with a key that is not revoked.")
            : new Rejection($"{found}.", "It was altered, or signed by keys that the trust document does not name.");
        signed = null;
        return false;
    }
}

/// <summary>An opened manifest: its digest, and the signers that count for its name.</summary>
public sealed record SignedManifest(ImageManifest Manifest, Digest Digest, IReadOnlySet<Digest> Signers);
