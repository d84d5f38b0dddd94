namespace Baremetal.DeployAgent.Tests;

/// <summary>The kernel's command line.</summary>
public sealed class BootArgumentsTests
{
    private const string Digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    private const string Least = $"bm.url=https://10.1.2.3:8443 bm.ca=sha256:{Digest} bm.token=t0ken";

    [Fact]
    public void TryParse_ScriptOfTheConductor_ReadsAll()
    {
        Assert.True(BootArguments.TryParse(
            $"initrd=ramdisk {Least} bm.plain=http://10.1.2.3:8081 bm.trust=sha256:{Digest} BOOTIF=01-52-54-00-AB-CD-EF console=ttyS0\n", out var boot, out var rejection), rejection?.ToString());
        Assert.Equal(
            new BootArguments(new Uri("https://10.1.2.3:8443"), new Uri("http://10.1.2.3:8081"), $"sha256:{Digest}", "t0ken", Parse(Digest), "52:54:00:ab:cd:ef"), boot);
    }

    [Theory]
    [InlineData("https://10.1.2.3:8443", "http://10.1.2.3:8080/")]
    [InlineData("https://conductor.example", "http://conductor.example:8080/")]
    [InlineData("https://[fd00::1]:8443", "http://[fd00::1]:8080/")]
    public void TryParse_NoPlainAddress_IsPort8080OfTheSameHost(string url, string plain)
    {
        Assert.True(BootArguments.TryParse($"bm.url={url} bm.ca=sha256:{Digest} bm.token=t", out var boot, out _));
        Assert.Equal((plain, null, null), (boot.Plain.AbsoluteUri, boot.Trust, boot.BootMac));
    }

    [Theory]
    [InlineData("", "bm.url")]
    [InlineData($"bm.url=http://10.1.2.3:8080 bm.ca=sha256:{Digest} bm.token=t", "bm.url")]
    [InlineData("bm.url=https://10.1.2.3 bm.token=t", "bm.ca")]
    [InlineData($"bm.url=https://10.1.2.3 bm.ca={Digest} bm.token=t", "bm.ca")]
    [InlineData($"bm.url=https://10.1.2.3 bm.ca=sha256:{Digest} bm.token=", "bm.token")]
    [InlineData($"{Least} bm.trust=sha256:00", "bm.trust")]
    [InlineData($"{Least} bm.plain=ftp://10.1.2.3", "bm.plain")]
    [InlineData($"{Least} bm.token=other", "bm.token twice")]
    public void TryParse_SomethingMissingOrWrong_NamesIt(string commandLine, string named)
    {
        Assert.False(BootArguments.TryParse(commandLine, out _, out var rejection));
        Assert.Contains(named, rejection.Cause, StringComparison.Ordinal);
    }

    private static Trust.Digest Parse(string hex) => Trust.Digest.TryParse(hex, out var digest) ? digest : throw new FormatException(hex);
}
