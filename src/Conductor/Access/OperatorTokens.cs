using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Access;

/// <summary>Operators' bearer tokens: <c>bm1_ID_SECRET</c>, 256 random bits in hex, of which only the SHA-256 is kept.</summary>
public sealed class OperatorTokens(IDatabase database, TimeProvider time)
{
    private const string Prefix = "bm1";

    /// <summary>Makes the first token, if there is none, and leaves it where only the conductor's own user can read it.</summary>
    /// <returns>Where it lies, if it was made just now.</returns>
    public string? WriteFirst(StateDirectory state)
    {
        if (database.Read(sql => sql.QuerySingle<long>("SELECT count(*) FROM tokens")) > 0)
            return null;
        var id = RandomNumberGenerator.GetHexString(8, lowercase: true);
        var token = $"{Prefix}_{id}_{RandomNumberGenerator.GetHexString(64, lowercase: true)}";
        // The file first: a crash between the two leaves a file that opens nothing, and the next start replaces it.
        File.Delete(state.AdminToken);
        StateDirectory.WriteSecret(state.AdminToken, Encoding.ASCII.GetBytes(token + "\n"));
        database.Write(tx => tx.Sql.Execute(
            "INSERT INTO tokens (id, name, sha256, created) VALUES (@id, 'admin', @sha256, @now)",
            new { id, sha256 = HashOf(token), now = tx.Now }));
        return state.AdminToken;
    }

    public bool TryFind(string token, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (token.Split('_') is not [Prefix, { Length: 8 } id, { Length: 64 }])
            return false;
        var row = database.Read(sql => sql.QuerySingleOrDefault<TokenRow>("SELECT name, sha256, expires FROM tokens WHERE id = @id", new { id }));
        if (row is null || row.Expires <= time.GetUtcNow() || !CryptographicOperations.FixedTimeEquals(Bytes(row.Sha256), Bytes(HashOf(token))))
            return false;
        name = row.Name;
        return true;
    }

    private static Digest HashOf(string token) => Digest.Of(Encoding.ASCII.GetBytes(token));

    private static byte[] Bytes(Digest digest)
    {
        var bytes = new byte[Digest.Size];
        digest.CopyTo(bytes);
        return bytes;
    }
}

file sealed record TokenRow
{
    public required string Name { get; init; }

    public Digest Sha256 { get; init; }

    public DateTimeOffset? Expires { get; init; }
}
