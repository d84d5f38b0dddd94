using System.Security.Cryptography;

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
        File.WriteAllText(_folder.File("p384.key"), other.ExportPkcs8PrivateKeyPem());

        Assert.False(SigningKey.TryLoad(_folder.File("p384.key"), out _, out var rejection));
        Assert.Contains("P-256", rejection.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not a key")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    public void TryLoad_NotAKey_IsRefusedNamingTheFile(string content)
    {
        File.WriteAllText(_folder.File("bad.key"), content);

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
}
