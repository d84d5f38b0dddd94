using System.Security.Cryptography;
using Baremetal.Api;
using Baremetal.Conductor.Database;
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
        var state = new StateDirectory(folder.Path);
        using var database = new SqliteDatabase(state.Database, TimeProvider.System);
        using var box = new SecretBox(state, database);
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
        using var database = new SqliteDatabase(state.Database, TimeProvider.System);
        byte[] sealedSecret;
        using (var first = new SecretBox(state, database))
            sealedSecret = first.Seal("x", "place");
        using (var second = new SecretBox(state, database))
            Assert.Equal("x", second.Open(sealedSecret, "place"));
        File.WriteAllBytes(state.SecretsKey, new byte[31]);
        Assert.Contains(state.SecretsKey, Assert.Throws<InvalidDataException>(() => new SecretBox(state, database)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_LostWhileSecretsAreStored_RefusesToStartAndMakesNoNewOne()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:01:01", new PowerSettings("redfish", "https://bmc", "ops", "s3cret")), CancellationToken.None);
        await conductor.StopAsync();
        File.Delete(conductor.StatePath("secrets.key"));

        var refusal = await Assert.ThrowsAsync<InvalidDataException>(() => conductor.RestartAsync());
        Assert.Contains("Restore secrets.key", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(conductor.StatePath("secrets.key")));
    }
}
