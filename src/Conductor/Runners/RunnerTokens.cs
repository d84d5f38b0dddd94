using System.Data;
using System.Security.Cryptography;
using System.Text;
using Baremetal.Conductor.Database;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Runners;

/// <summary>A one-time token as the table has it; the last three are null until it is used.</summary>
public sealed record RunnerTokenRow
{
    public Digest Sha256 { get; init; }

    public string? Name { get; init; }

    public string? Node { get; init; }

    /// <summary>The runner that joins again.</summary>
    public string? Rejoins { get; init; }

    public DateTimeOffset Expires { get; init; }

    public Digest? KeySha256 { get; init; }

    public string? Certificate { get; init; }

    public string? Runner { get; init; }
}

/// <summary>The one-time tokens that machines join by: <c>bmr1_</c> and 128 random bits in hex, kept as SHA-256.</summary>
internal static class RunnerTokens
{
    private const string Prefix = "bmr1_";

    /// <summary>What can be out at once: nobody sets up as many runners within the life of a token.</summary>
    public const int Most = 10_000;

    public static string Issue(WriteTransaction tx, string? name, string? node, string? rejoins, DateTimeOffset expires)
    {
        tx.Sql.Execute("DELETE FROM runner_tokens WHERE expires <= @now", new { now = tx.Now });
        if (tx.Sql.QuerySingle<long>("SELECT count(*) FROM runner_tokens") >= Most)
            throw Problems.Conflict("too-many", $"There are {Most} tokens for runners that have not ended.", "Use those, or wait until they end.");
        var token = Prefix + RandomNumberGenerator.GetHexString(32, lowercase: true);
        tx.Sql.Execute(
            "INSERT INTO runner_tokens (sha256, name, node, rejoins, expires) VALUES (@sha256, @name, @node, @rejoins, @expires)",
            new { sha256 = HashOf(token), name, node, rejoins, expires });
        return token;
    }

    public static RunnerTokenRow? Find(IDbConnection sql, string token, DateTimeOffset now) =>
        sql.QuerySingleOrDefault<RunnerTokenRow>("SELECT * FROM runner_tokens WHERE sha256 = @sha256 AND expires > @now", new { sha256 = HashOf(token), now });

    /// <summary>Writes down what the token was used for, for the case that the answer is lost.</summary>
    public static void Use(WriteTransaction tx, RunnerTokenRow token, Digest key, string runner, string certificate) => tx.Sql.Execute(
        "UPDATE runner_tokens SET key_sha256 = @key, runner = @runner, certificate = @certificate WHERE sha256 = @Sha256",
        new { token.Sha256, key, runner, certificate });

    public static void Void(WriteTransaction tx, RunnerTokenRow token) => tx.Sql.Execute("DELETE FROM runner_tokens WHERE sha256 = @Sha256", new { token.Sha256 });

    private static Digest HashOf(string token) => Digest.Of(Encoding.UTF8.GetBytes(token));
}
