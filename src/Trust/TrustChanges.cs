using System.Diagnostics.CodeAnalysis;

namespace Baremetal.Trust;

/// <summary>
/// What the next version of a trust document says otherwise; several changes at once make one version. Nothing that would lock its own
/// signers out comes of it: no role loses the keys that its threshold needs, and no version is expired when it is signed.
/// </summary>
public sealed record TrustChanges
{
    /// <summary>Keys that a role gets; one that it has already stays.</summary>
    public IReadOnlyList<(TrustRole Role, PublicKey Key)> Add { get; init; } = [];

    public IReadOnlyList<(TrustRole Role, Digest KeyId)> Remove { get; init; } = [];

    public IReadOnlyDictionary<TrustRole, int> Thresholds { get; init; } = new Dictionary<TrustRole, int>();

    /// <summary>Globs by image signer, in place of those that it had; a new signer that is not named here gets <c>*</c>.</summary>
    public IReadOnlyDictionary<Digest, string[]> Names { get; init; } = new Dictionary<Digest, string[]>();

    /// <summary>Least releases by image name. They only grow: an agent could not tell a lower one from a rollback.</summary>
    public IReadOnlyDictionary<string, ulong> MinRelease { get; init; } = new Dictionary<string, ulong>();

    public DateTimeOffset? Expires { get; init; }

    public Digest? ConductorCaSha256 { get; init; }

    /// <summary>Keys whose signatures count nowhere from now on. They keep their place in their role, where a listing shows them.</summary>
    public IReadOnlyList<Digest> RevokedKeys { get; init; } = [];

    /// <summary>Digests of image manifests that are written no more, whoever has signed them.</summary>
    public IReadOnlyList<Digest> RevokedManifests { get; init; } = [];

    /// <summary>The version that follows, or why there is none. Whether enough root keys sign it is <see cref="TrustAnchor.TryAdvance"/>'s question.</summary>
    public bool TryApply(TrustDocument document, DateTimeOffset now, [NotNullWhen(true)] out TrustDocument? next, [NotNullWhen(false)] out Rejection? rejection)
    {
        next = null;
        rejection = Contradiction(document);
        if (rejection is not null)
            return false;

        var roles = Enum.GetValues<TrustRole>().Aggregate(document.Roles, (changed, role) => changed.With(role, Changed(role, document.Roles.Of(role))));
        roles = roles with { Image = roles.Image with { Names = NamesIn(roles.Image) } };
        var changed = document with
        {
            Roles = roles,
            Keys = KeysIn(roles, document.Keys),
            Revoked = new Revocations([.. document.Revoked.Keyids.Union(RevokedKeys)], [.. document.Revoked.Manifests.Union(RevokedManifests)]),
            MinRelease = Merged(document.MinRelease, MinRelease),
            Expires = Expires ?? document.Expires,
            ConductorCaSha256 = ConductorCaSha256 ?? document.ConductorCaSha256,
        };
        rejection = changed.ToPayload().AsSpan().SequenceEqual(document.ToPayload())
            ? new Rejection($"Version {document.Version + 1} would say the same as version {document.Version}.")
            : Strangers(changed) ?? LockOut(document, changed, now);
        if (rejection is not null)
            return false;
        next = changed with { Version = document.Version + 1 };
        return true;
    }

    private Rejection? Contradiction(TrustDocument document)
    {
        foreach (var (role, key) in Add)
        {
            if (document.Revoked.Keyids.Contains(key.KeyId))
                return new Rejection($"Key {key.KeyId} is revoked by version {document.Version}; it would count nowhere.", "Add another; 'conductor key new' makes one.");
            if (Remove.Contains((role, key.KeyId)))
                return new Rejection($"Key {key.KeyId} would be added to the {role.Word()} role and removed from it.");
        }
        foreach (var (role, keyId) in Remove)
        {
            if (!document.Roles.Of(role).Keyids.Contains(keyId))
                return new Rejection($"Key {keyId} is no {role.Word()} key of version {document.Version}.", "'conductor key list' shows which there are.");
        }
        foreach (var (name, least) in MinRelease)
        {
            if (document.MinRelease.TryGetValue(name, out var before) && least < before)
                return new Rejection($"Version {document.Version} demands release {before} or later of image {name}; that never falls to {least}.", "Sign the image again with a greater --release.");
        }
        return null;
    }

    private Role Changed(TrustRole which, Role role) => role with
    {
        Keyids =
        [
            .. role.Keyids
                .Union(Add.Where(added => added.Role == which).Select(added => added.Key.KeyId))
                .Except(Remove.Where(removed => removed.Role == which).Select(removed => removed.KeyId)),
        ],
        Threshold = Thresholds.GetValueOrDefault(which, role.Threshold),
    };

    private Dictionary<string, string[]> NamesIn(ImageRole role) => role.Keyids.ToDictionary(
        key => key.ToString(),
        key => Names.TryGetValue(key, out var given) ? given : role.Names.GetValueOrDefault(key.ToString(), ["*"]),
        StringComparer.Ordinal);

    private Dictionary<string, TrustedKey> KeysIn(TrustRoles roles, IReadOnlyDictionary<string, TrustedKey> before)
    {
        var known = Merged(before, Add.DistinctBy(added => added.Key.KeyId).ToDictionary(added => added.Key.KeyId.ToString(), added => TrustedKey.Of(added.Key), StringComparer.Ordinal));
        return known.Where(key => Enum.GetValues<TrustRole>().Any(role => roles.Of(role).Keyids.Any(id => id.ToString() == key.Key)))
            .ToDictionary(StringComparer.Ordinal);
    }

    // A key that can do two things is two keys that are stolen at once.
    private Rejection? Strangers(TrustDocument changed)
    {
        foreach (var (role, key) in Add)
        {
            if (Enum.GetValues<TrustRole>().Where(other => other != role && changed.Roles.Of(other).Keyids.Contains(key.KeyId)).Select(other => other.Word()).FirstOrDefault() is { } other)
                return new Rejection($"Key {key.KeyId} would be in the {role.Word()} role and in the {other} role.", "Give each role keys of its own.");
        }
        return Names.Keys.FirstOrDefault(key => !changed.Roles.Image.Keyids.Contains(key)) is var signer && signer != default
            ? new Rejection($"Key {signer} gets names, but signs no images.", "Names are for keys of the image role; add it with --add image=FILE.")
            : null;
    }

    private static Rejection? LockOut(TrustDocument before, TrustDocument after, DateTimeOffset now)
    {
        if (after.Expires <= now)
            return new Rejection($"Version {before.Version + 1} would expire at {after.Expires:u}; the time is {now:u}.", "Give --expires TIME.");
        foreach (var which in Enum.GetValues<TrustRole>())
        {
            var (had, has) = (before.Roles.Of(which), after.Roles.Of(which));
            var (then, left) = (before.KeysOf(had).Count, after.KeysOf(has).Count);
            // A role that was not usable before, as the first version's conductor role, is not the fault of this change.
            if (left >= has.Threshold || (left == then && has.Threshold == had.Threshold))
                continue;
            return left == 0
                ? new Rejection($"Version {before.Version + 1} would have no {which.Word()} key left, and nothing could be signed for that role.", $"Add another first: 'conductor key trust' with --add {which.Word()}=FILE.")
                : new Rejection($"Version {before.Version + 1} would demand signatures of {has.Threshold} {which.Word()} keys, and would have {left}.", $"Add another first: 'conductor key trust' with --add {which.Word()}=FILE; or lower the threshold with --threshold {which.Word()}={left}.");
        }
        return null;
    }

    private static Dictionary<string, T> Merged<T>(IReadOnlyDictionary<string, T> before, IReadOnlyDictionary<string, T> changes)
    {
        var merged = new Dictionary<string, T>(before, StringComparer.Ordinal);
        foreach (var (name, value) in changes)
            merged[name] = value;
        return merged;
    }
}
