using System.Data;
using System.Security.Cryptography;
using System.Text;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Secrets;

/// <summary>
/// Seals what must not lie in the clear in the database (AES-256-GCM). The key is a file of its own, so that a copy of the database alone
/// tells nothing; each value is bound to its place, so that it cannot be moved to another row.
/// <code>
/// | 1 version = 1 | 12 nonce | n ciphertext | 16 tag |
/// </code>
/// </summary>
public sealed class SecretBox : IDisposable
{
    private const byte Version = 1;
    private const int NonceSize = 12;
    private const int TagSize = 16;

    private readonly AesGcm _aes;
    private readonly byte[] _fingerprints;

    public SecretBox(StateDirectory state, IDatabase database)
    {
        if (!File.Exists(state.SecretsKey))
        {
            // A new key beside old secrets would look well until the first of them is needed.
            if (database.Read(CountSealed) is > 0 and var count)
                throw new InvalidDataException($"The key file {state.SecretsKey} is missing, and the database holds {count} secrets that only it opens. Restore secrets.key from a backup, to where it was.");
            StateDirectory.WriteSecret(state.SecretsKey, RandomNumberGenerator.GetBytes(32));
        }
        var key = File.ReadAllBytes(state.SecretsKey);
        if (key.Length != 32)
            throw new InvalidDataException($"The key file {state.SecretsKey} has {key.Length} bytes instead of 32. Restore it from a backup: without it no stored password can be read.");
        _aes = new AesGcm(key, TagSize);
        _fingerprints = HKDF.DeriveKey(HashAlgorithmName.SHA256, key, 32, info: "fingerprints"u8.ToArray());
    }

    /// <param name="place"><c>table|column|row</c>.</param>
    public byte[] Seal(string secret, string place)
    {
        var clear = Encoding.UTF8.GetBytes(secret);
        var box = new byte[1 + NonceSize + clear.Length + TagSize];
        box[0] = Version;
        var nonce = box.AsSpan(1, NonceSize);
        RandomNumberGenerator.Fill(nonce);
        _aes.Encrypt(nonce, clear, box.AsSpan(1 + NonceSize, clear.Length), box.AsSpan(^TagSize..), Encoding.UTF8.GetBytes(place));
        return box;
    }

    public string Open(ReadOnlySpan<byte> box, string place)
    {
        if (box.Length < 1 + NonceSize + TagSize || box[0] != Version)
            throw new CryptographicException($"The secret of {place} is not in a form that this conductor knows.");
        var clear = new byte[box.Length - 1 - NonceSize - TagSize];
        try
        {
            _aes.Decrypt(box.Slice(1, NonceSize), box[(1 + NonceSize)..^TagSize], box[^TagSize..], clear, Encoding.UTF8.GetBytes(place));
        }
        catch (AuthenticationTagMismatchException e)
        {
            throw new CryptographicException($"The secret of {place} does not open: it was altered, moved, or sealed with another secrets.key.", e);
        }
        return Encoding.UTF8.GetString(clear);
    }

    /// <summary>A SHA-256 under our key: from a plain one whoever reads the database could try out which password it was made of.</summary>
    public Digest Fingerprint(ReadOnlySpan<byte> content) => new(HMACSHA256.HashData(_fingerprints, content));

    public void Dispose() => _aes.Dispose();

    private static long CountSealed(IDbConnection sql) => sql.QuerySingle<long>(
        "SELECT (SELECT count(*) FROM nodes WHERE power_password IS NOT NULL) + (SELECT count(*) FROM jobs WHERE user_data IS NOT NULL) + (SELECT count(*) FROM vms WHERE user_data IS NOT NULL)");
}
