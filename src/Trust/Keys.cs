using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Baremetal.Trust;

/// <summary>An ECDSA P-256 key that signs. In a file: PKCS#8 PEM, readable by its owner alone, encrypted or not.</summary>
public sealed class SigningKey : IDisposable
{
    /// <summary>Of PBKDF2 with HMAC-SHA-256: what OWASP's password storage cheat sheet demanded in 2023; a guess costs a core a quarter of a second.</summary>
    private const int PassphraseIterations = 600_000;

    private readonly ECDsa _key;

    private SigningKey(ECDsa key)
    {
        _key = key;
        Public = new PublicKey(key.ExportSubjectPublicKeyInfo());
    }

    public PublicKey Public { get; }

    public Digest KeyId => Public.KeyId;

    public static SigningKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Loads a key that is not encrypted.</summary>
    public static bool TryLoad(string path, [NotNullWhen(true)] out SigningKey? key, [NotNullWhen(false)] out Rejection? rejection) =>
        TryLoad(path, static _ => [], out key, out rejection);

    /// <param name="path">A PKCS#8 PEM file that nobody but its owner may open: what others could copy is no longer one signer's key.</param>
    /// <param name="passphrases">Asked only for an encrypted key, with the path; tried one after the other.</param>
    public static bool TryLoad(string path, Func<string, IEnumerable<byte[]>> passphrases, [NotNullWhen(true)] out SigningKey? key, [NotNullWhen(false)] out Rejection? rejection)
    {
        key = null;
        if (!PrivateKeyFile.TryRead(path, out var pem, out rejection))
            return false;
        if (!PrivateKeyFile.IsEncrypted(pem))
            return TryImport(path, ecdsa => ecdsa.ImportFromPem(pem), out key, out rejection);

        var tried = false;
        foreach (var passphrase in passphrases(path))
        {
            if (TryImport(path, ecdsa => ecdsa.ImportFromEncryptedPem(pem, passphrase), out key, out _))
                return true;
            tried = true;
        }
        rejection = tried
            ? new Rejection($"The passphrase of the private key {path} is wrong.", "Try again; if you are sure of it, the file is damaged, or its key is none on the curve P-256.")
            : new Rejection($"The private key {path} is encrypted, and no passphrase was given.", "Give --passphrase-file FILE, or run the command on a terminal, where it asks.");
        return false;
    }

    private static bool TryImport(string path, Action<ECDsa> import, [NotNullWhen(true)] out SigningKey? key, [NotNullWhen(false)] out Rejection? rejection)
    {
        key = null;
        rejection = null;
        var ecdsa = ECDsa.Create();
        try
        {
            import(ecdsa);
            if (!PublicKey.IsP256(ecdsa))
                rejection = new Rejection($"The key in {path} is not on the curve P-256.", "Make one with 'conductor key new'.");
            else
                key = new SigningKey(ecdsa);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException or PlatformNotSupportedException)
        {
            rejection = new Rejection($"The private key {path} cannot be read: {e.Message}", "It must be a PKCS#8 PEM file, as 'conductor key new' makes it.");
        }
        if (key is null)
            ecdsa.Dispose();
        return key is not null;
    }

    /// <summary>Writes the private key to a new file with mode 0600; an existing file is never overwritten.</summary>
    public void Save(string path) => PrivateKeyFile.Write(path, _key.ExportPkcs8PrivateKeyPem());

    /// <summary>As <see cref="Save(string)"/>, encrypted as PKCS#8's PBES2 has it: <c>openssl pkey</c> opens it with the same passphrase.</summary>
    public void Save(string path, ReadOnlySpan<byte> passphrase) =>
        PrivateKeyFile.Write(path, _key.ExportEncryptedPkcs8PrivateKeyPem(passphrase, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, PassphraseIterations)));

    /// <summary>Signs with SHA-256; the signature is DER, as <c>openssl dgst -sha256 -sign</c> writes it.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data) => _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public void Dispose() => _key.Dispose();
}

/// <summary>An ECDSA P-256 key that verifies, known by the SHA-256 of its SubjectPublicKeyInfo.</summary>
public sealed class PublicKey
{
    /// <summary>The name of the only algorithm today; it comes from the trust document, never from an envelope.</summary>
    public const string Algorithm = "ecdsa-p256-sha256";

    internal PublicKey(byte[] spki)
    {
        Spki = spki;
        KeyId = Digest.Of(spki);
    }

    public byte[] Spki { get; }

    public Digest KeyId { get; }

    public static bool TryFromSpki(byte[] spki, [NotNullWhen(true)] out PublicKey? key)
    {
        key = null;
        using var ecdsa = ECDsa.Create();
        try
        {
            ecdsa.ImportSubjectPublicKeyInfo(spki, out var read);
            if (read == spki.Length && IsP256(ecdsa))
                key = new PublicKey(spki);
        }
        catch (Exception e) when (e is CryptographicException or PlatformNotSupportedException)
        {
            // Not a key, or on a curve that this machine does not know: null says so.
        }
        return key is not null;
    }

    public static bool TryLoad(string path, [NotNullWhen(true)] out PublicKey? key, [NotNullWhen(false)] out Rejection? rejection)
    {
        key = null;
        rejection = null;
        using var ecdsa = ECDsa.Create();
        try
        {
            ecdsa.ImportFromPem(File.ReadAllText(path));
            if (IsP256(ecdsa))
                key = new PublicKey(ecdsa.ExportSubjectPublicKeyInfo());
            else
                rejection = new Rejection($"The key in {path} is not on the curve P-256.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException or PlatformNotSupportedException)
        {
            rejection = new Rejection($"The public key {path} cannot be read: {e.Message}");
        }
        return key is not null;
    }

    public string ToPem() => PemEncoding.WriteString("PUBLIC KEY", Spki);

    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> derSignature)
    {
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(Spki, out _);
        try
        {
            return ecdsa.VerifyData(data, derSignature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    internal static bool IsP256(ECDsa key) => key.KeySize == 256 && key.ExportParameters(false).Curve.Oid.Value == "1.2.840.10045.3.1.7";
}
