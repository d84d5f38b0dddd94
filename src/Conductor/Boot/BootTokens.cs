using System.Data;
using System.Security.Cryptography;
using System.Text;
using Baremetal.Conductor.Database;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Boot;

/// <summary>A one-time token as the table has it; the last three are null until it is used.</summary>
public sealed record BootTokenRow
{
    public Digest Sha256 { get; init; }

    public required string Node { get; init; }

    public required string Mac { get; init; }

    public string? Uuid { get; init; }

    /// <summary>The boot script pinned a trust document: an agent without one takes no order.</summary>
    public bool Pinned { get; init; }

    public DateTimeOffset Expires { get; init; }

    public Digest? KeySha256 { get; init; }

    public string? BootId { get; init; }

    public string? Certificate { get; init; }
}

/// <summary>
/// The one-time tokens of boot scripts: 128 random bits, kept as SHA-256, bound to MAC and UUID, given only while a job of the node waits
/// for its agent. Whoever sees the network sees the token: it proves no more than "was there when this node was netbooted" (grade N1).
/// </summary>
internal static class BootTokens
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Firmware fetches its script once or twice, and one whose kernel does not come asks again every five seconds. More are refused rather
    /// than older ones dropped: whoever floods us must not take away the token that the real machine boots with.
    /// </summary>
    public const int MostInAWindow = 30;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Null when the node was given as many within the last minute as it may have.</summary>
    public static string? Issue(WriteTransaction tx, string node, string mac, Guid? uuid, bool pinned)
    {
        tx.Sql.Execute("DELETE FROM boot_tokens WHERE expires <= @now", new { now = tx.Now });
        if (tx.Sql.QuerySingle<long>("SELECT count(*) FROM boot_tokens WHERE node = @node AND issued > @since", new { node, since = tx.Now - Window }) >= MostInAWindow)
            return null;
        var token = RandomNumberGenerator.GetHexString(32, lowercase: true);
        tx.Sql.Execute(
            "INSERT INTO boot_tokens (sha256, node, mac, uuid, pinned, issued, expires) VALUES (@sha256, @node, @mac, @uuid, @pinned, @now, @expires)",
            new { sha256 = HashOf(token), node, mac, uuid = uuid?.ToString("D"), pinned, now = tx.Now, expires = tx.Now + Life });
        return token;
    }

    public static BootTokenRow? Find(IDbConnection sql, string token, DateTimeOffset now) =>
        sql.QuerySingleOrDefault<BootTokenRow>("SELECT * FROM boot_tokens WHERE sha256 = @sha256 AND expires > @now", new { sha256 = HashOf(token), now });

    /// <summary>Writes down what the token was used for; the node's other tokens are void from here on.</summary>
    public static void Use(WriteTransaction tx, BootTokenRow token, Digest key, string bootId, string certificate)
    {
        tx.Sql.Execute("DELETE FROM boot_tokens WHERE node = @Node AND sha256 <> @Sha256", new { token.Node, token.Sha256 });
        tx.Sql.Execute(
            "UPDATE boot_tokens SET key_sha256 = @key, boot_id = @bootId, certificate = @certificate WHERE sha256 = @Sha256",
            new { token.Sha256, key, bootId, certificate });
    }

    private static Digest HashOf(string token) => Digest.Of(Encoding.UTF8.GetBytes(token));
}
