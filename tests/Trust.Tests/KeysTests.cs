using System.Security.Cryptography;
using System.Text;

namespace Baremetal.Trust.Tests;

public sealed class KeysTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Save_NewFile_OnlyOwnerReadsItAndItLoadsAgain()
    {
        using var key = SigningKey.Create();
        key.Save(_folder.File("a.key"));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File("a.key")));
        Assert.True(SigningKey.TryLoad(_folder.File("a.key"), out var loaded, out _));
        using (loaded)
            Assert.Equal(key.KeyId, loaded.KeyId);
    }

    [Fact]
    public void Save_FileExists_IsLeftAsItIs()
    {
        using var key = SigningKey.Create();
        File.WriteAllText(_folder.File("a.key"), "precious");

        Assert.Throws<IOException>(() => key.Save(_folder.File("a.key")));
        Assert.Equal("precious", File.ReadAllText(_folder.File("a.key")));
    }

    [Fact]
    public void TryLoad_KeyOnAnotherCurve_IsRefusedWithTheCurve()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        WriteKey("p384.key", other.ExportPkcs8PrivateKeyPem());

        Assert.False(SigningKey.TryLoad(_folder.File("p384.key"), out _, out var rejection));
        Assert.Contains("P-256", rejection.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a key")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    public void TryLoad_NotAKey_IsRefusedNamingTheFile(string content)
    {
        WriteKey("bad.key", content);

        Assert.False(SigningKey.TryLoad(_folder.File("bad.key"), out _, out var rejection));
        Assert.Contains("bad.key", rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryFromSpki_TrailingByte_IsRefused()
    {
        using var key = SigningKey.Create();

        Assert.True(PublicKey.TryFromSpki(key.Public.Spki, out _));
        Assert.False(PublicKey.TryFromSpki([.. key.Public.Spki, 0], out _));
    }

    [Fact]
    public void TryFromSpki_CurveThatNobodyKnows_IsRefused()
    {
        using var key = SigningKey.Create();
        byte[] p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        byte[] spki = [.. key.Public.Spki];
        spki[spki.AsSpan().IndexOf(p256) + p256.Length - 1] = 0x63;

        Assert.False(PublicKey.TryFromSpki(spki, out _));
        File.WriteAllText(_folder.File("unknown.pub"), PemEncoding.WriteString("PUBLIC KEY", spki));
        Assert.False(PublicKey.TryLoad(_folder.File("unknown.pub"), out _, out var rejection));
        Assert.Contains("unknown.pub", rejection.Cause, StringComparison.Ordinal);
    }

    private void WriteKey(string name, string pem)
    {
        File.WriteAllText(_folder.File(name), pem);
        File.SetUnixFileMode(_folder.File(name), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static Func<string, IEnumerable<byte[]>> Typed(params string[] passphrases) => _ => passphrases.Select(Encoding.UTF8.GetBytes);

    [Fact]
    public void Save_WithPassphrase_IsPbes2AndOpensslReadsIt()
    {
        using var key = SigningKey.Create();
        key.Save(_folder.File("a.key"), "correct horse ä"u8);
        WriteKey("pass", "correct horse ä\nsecond line\n");

        var parts = TestDocuments.Run("openssl", _folder.Path, "asn1parse", "-in", "a.key");
        TestDocuments.Run("openssl", _folder.Path, "pkey", "-in", "a.key", "-passin", "file:pass", "-pubout", "-out", "a.pub");

        Assert.StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----", File.ReadAllText(_folder.File("a.key")), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File("a.key")));
        // 0x0927C0 = 600 000 iterations.
        foreach (var part in new[] { "PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0" })
            Assert.Contains(part, parts, StringComparison.Ordinal);
        Assert.True(PublicKey.TryLoad(_folder.File("a.pub"), out var seen, out _));
        Assert.Equal(key.KeyId, seen.KeyId);
    }

    [Fact]
    public void TryLoad_EncryptedByOpenssl_OpensWithItsPassphrase()
    {
        TestDocuments.Run("openssl", _folder.Path, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "plain.key");
        TestDocuments.Run("openssl", _folder.Path, "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", "plain.key", "-out", "theirs.key", "-passout", "pass:correct horse");

        Assert.True(SigningKey.TryLoad(_folder.File("plain.key"), out var plain, out _));
        Assert.True(SigningKey.TryLoad(_folder.File("theirs.key"), Typed("wrong", "correct horse"), out var theirs, out var rejection), rejection?.ToString());
        using (plain)
        using (theirs)
            Assert.Equal(plain.KeyId, theirs.KeyId);
    }

    [Fact]
    public void TryLoad_EncryptedWithoutTheRightPassphrase_SaysSo()
    {
        using var key = SigningKey.Create();
        key.Save(_folder.File("a.key"), "correct"u8);

        Assert.False(SigningKey.TryLoad(_folder.File("a.key"), Typed("wrong", "Correct", "correct "), out _, out var wrong));
        Assert.Equal($"The passphrase of the private key {_folder.File("a.key")} is wrong.", wrong.Cause);
        Assert.False(SigningKey.TryLoad(_folder.File("a.key"), out _, out var none));
        Assert.Contains("is encrypted, and no passphrase was given", none.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryLoad_KeyThatIsNotEncrypted_AsksForNoPassphrase()
    {
        using var key = SigningKey.Create();
        key.Save(_folder.File("a.key"));

        Assert.True(SigningKey.TryLoad(_folder.File("a.key"), _ => throw new InvalidOperationException("asked"), out var loaded, out _));
        loaded.Dispose();
    }

    // Every mode that there is; the tests run as root as well, who could read them all.
    [Fact]
    public void TryLoad_ModeThatLetsOthersIn_IsRefusedWithTheRemedy()
    {
        using var key = SigningKey.Create();
        var path = _folder.File("a.key");
        key.Save(path);
        for (var mode = 0; mode < 512; mode++)
        {
            // Without its owner's right to read, whether it opens is the kernel's question.
            if ((mode & 0x100) == 0)
                continue;
            File.SetUnixFileMode(path, (UnixFileMode)mode);
            var loaded = SigningKey.TryLoad(path, out var again, out var rejection);
            again?.Dispose();
            Assert.Equal((mode & 63) == 0, loaded);
            if (loaded)
                continue;
            Assert.Contains(Convert.ToString(mode, 8), rejection!.Cause, StringComparison.Ordinal);
            Assert.Contains($"chmod 600 {path}", rejection.Remedy, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TryReadPassphrase_EmptyOrReadableByOthers_IsRefused()
    {
        WriteKey("empty", "\nsecond");
        WriteKey("pass", "secret");

        Assert.False(PrivateKeyFile.TryReadPassphrase(_folder.File("empty"), out _, out var empty));
        Assert.Contains("empty line", empty.Cause, StringComparison.Ordinal);
        Assert.True(PrivateKeyFile.TryReadPassphrase(_folder.File("pass"), out var passphrase, out _));
        Assert.Equal("secret"u8.ToArray(), passphrase);
        File.SetUnixFileMode(_folder.File("pass"), (UnixFileMode)0x1a4);
        Assert.False(PrivateKeyFile.TryReadPassphrase(_folder.File("pass"), out _, out var open));
        Assert.Contains("mode 0644", open.Cause, StringComparison.Ordinal);
    }
}
