using System.Diagnostics.CodeAnalysis;
using System.IO.Enumeration;
using System.Text.Json;

namespace Baremetal.Trust;

/// <summary>
/// Who may sign what: the root of all other documents. Version N+1 is accepted by whoever has N when the root keys of N and those of
/// N+1 have both signed it (the rule of TUF's root role).
/// </summary>
public sealed record TrustDocument(
    long Version,
    DateTimeOffset Expires,
    IReadOnlyDictionary<string, TrustedKey> Keys,
    TrustRoles Roles,
    Revocations Revoked,
    IReadOnlyDictionary<string, ulong> MinRelease,
    Digest? ConductorCaSha256 = null)
{
    public const string PayloadType = "application/vnd.baremetal.trust+json";

    /// <summary>Version 1 as <c>key new</c> signs it: one root, one image signer for all names, no conductor yet.</summary>
    public static TrustDocument First(PublicKey root, PublicKey image, DateTimeOffset expires) => new(
        Version: 1,
        expires,
        new Dictionary<string, TrustedKey>(StringComparer.Ordinal) { [root.KeyId.ToString()] = TrustedKey.Of(root), [image.KeyId.ToString()] = TrustedKey.Of(image) },
        new TrustRoles(
            Root: new Role([root.KeyId], 1),
            Image: new ImageRole([image.KeyId], 1, new Dictionary<string, string[]>(StringComparer.Ordinal) { [image.KeyId.ToString()] = ["*"] }),
            Conductor: new Role([], 1)),
        new Revocations([], []),
        new Dictionary<string, ulong>(StringComparer.Ordinal));

    public byte[] ToPayload() => JsonSerializer.SerializeToUtf8Bytes(this, DocumentJson.Default.TrustDocument);

    /// <summary>Reads the payload; whether it was signed by enough of the right keys is <see cref="TrustAnchor"/>'s question.</summary>
    public static bool TryParse(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out TrustDocument? document, [NotNullWhen(false)] out Rejection? rejection)
    {
        document = null;
        rejection = null;
        TrustDocument? read;
        try
        {
            read = JsonSerializer.Deserialize(payload, DocumentJson.Default.TrustDocument);
        }
        catch (JsonException e)
        {
            rejection = new Rejection($"The trust document cannot be read: {e.Message}");
            return false;
        }
        if (read?.FirstFault() is { } fault)
        {
            rejection = new Rejection($"The trust document is refused: {fault}");
            return false;
        }
        document = read;
        if (document is null)
            rejection = new Rejection("The trust document is empty.");
        return document is not null;
    }

    internal IReadOnlyCollection<PublicKey> KeysOf(Role role) => KeysOf(role.Keyids.Except(Revoked.Keyids));

    internal IReadOnlyCollection<PublicKey> RevokedKeysOf(Role role) => KeysOf(role.Keyids.Intersect(Revoked.Keyids));

    private List<PublicKey> KeysOf(IEnumerable<Digest> keyIds)
    {
        var keys = new List<PublicKey>();
        foreach (var keyId in keyIds)
        {
            if (Keys.TryGetValue(keyId.ToString(), out var trusted) && PublicKey.TryFromSpki(trusted.Spki, out var key))
                keys.Add(key);
        }
        return keys;
    }

    internal bool MaySign(Digest signer, string imageName) =>
        Roles.Image.Names.TryGetValue(signer.ToString(), out var globs)
        && globs.Any(glob => FileSystemName.MatchesSimpleExpression(glob, imageName, ignoreCase: false));

    private string? FirstFault()
    {
        if (Version < 1)
            return $"its version is {Version}.";
        if (Roles.Image.Names.Values.Any(globs => globs is null || globs.Any(glob => glob is null)))
            return "an image signer's names are empty.";
        foreach (var role in new[] { Roles.Root, Roles.Image, Roles.Conductor })
        {
            if (role.Threshold < 1 || role.Keyids.Length != role.Keyids.Distinct().Count())
                return "a role has a threshold below 1 or names a key twice.";
            if (role.Keyids.FirstOrDefault(id => !Keys.ContainsKey(id.ToString())) is var missing && missing != default)
                return $"a role names key {missing}, which is not in the document.";
        }
        if (Roles.Root.Keyids.Length < Roles.Root.Threshold)
            return "fewer root keys than its threshold.";
        // Last, since it costs a thousand times as much.
        foreach (var (keyId, key) in Keys)
        {
            if (key is not { Alg: PublicKey.Algorithm })
                return $"key {keyId} has the unknown algorithm '{key?.Alg}'.";
            if (Digest.Of(key.Spki).ToString() != keyId || !PublicKey.TryFromSpki(key.Spki, out _))
                return $"key {keyId} is not the P-256 key that its id names.";
        }
        return null;
    }
}

public sealed record TrustedKey(string Alg, byte[] Spki)
{
    public static TrustedKey Of(PublicKey key) => new(PublicKey.Algorithm, key.Spki);
}

public enum TrustRole
{
    Root,
    Image,
    Conductor,
}

public sealed record TrustRoles(Role Root, ImageRole Image, Role Conductor)
{
    public Role Of(TrustRole role) => role switch
    {
        TrustRole.Root => Root,
        TrustRole.Image => Image,
        _ => Conductor,
    };

    internal TrustRoles With(TrustRole role, Role changed) => role switch
    {
        TrustRole.Root => this with { Root = changed },
        TrustRole.Image => this with { Image = (ImageRole)changed },
        _ => this with { Conductor = changed },
    };
}

public static class TrustRoleWords
{
    /// <summary>As the document has it, and as an operator types it.</summary>
    public static string Word(this TrustRole role) => role switch
    {
        TrustRole.Root => "root",
        TrustRole.Image => "image",
        _ => "conductor",
    };
}

/// <summary><paramref name="Threshold"/> of the keys must have signed.</summary>
public record Role(Digest[] Keyids, int Threshold);

/// <summary>Image signers, each for the image names that match one of its globs (<c>*</c> and <c>?</c>).</summary>
public sealed record ImageRole(Digest[] Keyids, int Threshold, IReadOnlyDictionary<string, string[]> Names) : Role(Keyids, Threshold);

public sealed record Revocations(Digest[] Keyids, Digest[] Manifests);
