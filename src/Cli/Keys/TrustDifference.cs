using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>What a version of a trust document says otherwise than the one before it, a phrase each.</summary>
internal static class TrustDifference
{
    public static IReadOnlyList<string> Between(TrustDocument before, TrustDocument after) =>
    [
        .. Enum.GetValues<TrustRole>().SelectMany(role => OfRole(role.Word(), before.Roles.Of(role), after.Roles.Of(role))),
        .. OfNames(before.Roles.Image, after.Roles.Image),
        .. OfReleases(before.MinRelease, after.MinRelease),
        .. after.Revoked.Keyids.Except(before.Revoked.Keyids).Select(key => $"revoked: key {KeyViews.Short(key)}"),
        .. before.Revoked.Keyids.Except(after.Revoked.Keyids).Select(key => $"no longer revoked: key {KeyViews.Short(key)}"),
        .. after.Revoked.Manifests.Except(before.Revoked.Manifests).Select(manifest => $"revoked: manifest {manifest}"),
        .. before.Revoked.Manifests.Except(after.Revoked.Manifests).Select(manifest => $"no longer revoked: manifest {manifest}"),
        .. Changed("conductor CA", before.ConductorCaSha256?.ToString() ?? "none", after.ConductorCaSha256?.ToString() ?? "none"),
        .. Changed("expires", Units.Time(before.Expires), Units.Time(after.Expires)),
    ];

    private static IEnumerable<string> OfRole(string role, Role before, Role after) =>
    [
        .. after.Keyids.Except(before.Keyids).Select(key => $"added: {role} key {KeyViews.Short(key)}"),
        .. before.Keyids.Except(after.Keyids).Select(key => $"removed: {role} key {KeyViews.Short(key)}"),
        .. Changed($"{role} threshold", $"{before.Threshold}", $"{after.Threshold}"),
    ];

    private static IEnumerable<string> OfNames(ImageRole before, ImageRole after) =>
        after.Keyids.SelectMany(key => before.Keyids.Contains(key)
            ? Changed($"key {KeyViews.Short(key)} signs images", NamesOf(before, key), NamesOf(after, key))
            : [$"key {KeyViews.Short(key)} signs images {NamesOf(after, key)}"]);

    private static string NamesOf(ImageRole role, Digest key) => string.Join(", ", role.Names.GetValueOrDefault(key.ToString(), ["(none)"]));

    private static IEnumerable<string> OfReleases(IReadOnlyDictionary<string, ulong> before, IReadOnlyDictionary<string, ulong> after) =>
        before.Keys.Union(after.Keys).SelectMany(name => Changed($"least release of {name}", Least(before, name), Least(after, name)));

    private static string Least(IReadOnlyDictionary<string, ulong> releases, string name) => releases.TryGetValue(name, out var least) ? $"{least}" : "any";

    private static IEnumerable<string> Changed(string what, string before, string after) => before == after ? [] : [$"{what}: {after} (was {before})"];
}
