using System.Security.Cryptography;
using Baremetal.Conductor.Secrets;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Secrets;

public sealed class SecretBoxTests
{
    [Fact]
    public void Secret_OpensInItsPlaceOnly()
    {
        using var folder = new TempFolder();
        using var box = new SecretBox(new StateDirectory(folder.Path));
        var sealedSecret = box.Seal("pässword", "nodes|power_password|1");
        Assert.NotEqual(sealedSecret, box.Seal("pässword", "nodes|power_password|1"));
        Assert.Equal("pässword", box.Open(sealedSecret, "nodes|power_password|1"));
        Assert.Throws<CryptographicException>(() => box.Open(sealedSecret, "nodes|power_password|2"));
        for (var at = 0; at < sealedSecret.Length; at++)
        {
            var altered = sealedSecret.ToArray();
            altered[at] ^= 1;
            Assert.Throws<CryptographicException>(() => box.Open(altered, "nodes|power_password|1"));
        }
        Assert.Throws<CryptographicException>(() => box.Open(sealedSecret.AsSpan(0, 10), "nodes|power_password|1"));
    }

    [Fact]
    public void Key_IsKeptAcrossStartsAndADamagedOneIsNamed()
    {
        using var folder = new TempFolder();
        var state = new StateDirectory(folder.Path);
        byte[] sealedSecret;
        using (var first = new SecretBox(state))
            sealedSecret = first.Seal("x", "place");
        using (var second = new SecretBox(state))
            Assert.Equal("x", second.Open(sealedSecret, "place"));
        File.WriteAllBytes(state.SecretsKey, new byte[31]);
        Assert.Contains(state.SecretsKey, Assert.Throws<InvalidDataException>(() => new SecretBox(state)).Message, StringComparison.Ordinal);
    }
}
