using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot.Tests.Boot;

public sealed class BootScriptTests
{
    private const string ScriptUrl = "http://10.77.0.1:8080/boot/script?mac=52:54:00:77:00:00&arch=7";
    private static readonly string Digest = new('a', 64);

    private static readonly AgentBoot Good = new(
        new Machine(Fixtures.Mac, null, ClientArchitecture.EfiX64),
        "http://10.77.0.1:8080/boot/kernel", "http://10.77.0.1:8080/boot/ramdisk", "https://10.77.0.1:8443", "http://10.77.0.1:8080", Digest, "tok_en-1", null, ["console=ttyS0,115200"]);

    [Fact]
    public void TryAgent_Good_IsTheWholeScript()
    {
        Assert.True(BootScript.TryAgent(Good, ScriptUrl, out var script, out _));
        Assert.Equal($"""
            #!ipxe
            echo Baremetal: deploy agent for 52:54:00:77:00:00
            imgfree
            kernel --name kernel http://10.77.0.1:8080/boot/kernel initrd=ramdisk bm.url=https://10.77.0.1:8443 bm.plain=http://10.77.0.1:8080 bm.ca=sha256:{Digest} bm.token=tok_en-1 BOOTIF=01-52-54-00-77-00-00 console=ttyS0,115200 || goto failed
            initrd --name ramdisk http://10.77.0.1:8080/boot/ramdisk || goto failed
            boot kernel || goto failed
            :failed
            echo Baremetal: could not be loaded; trying again in 5 seconds
            sleep 5
            chain --replace --autofree {ScriptUrl} || reboot

            """, script);
    }

    [Fact]
    public void TryAgent_WithTrustDocument_CarriesItsDigest()
    {
        Assert.True(BootScript.TryAgent(Good with { TrustSha256 = new string('b', 64) }, ScriptUrl, out var script, out _));
        Assert.Contains($" bm.trust=sha256:{new string('b', 64)} ", script, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "kernel URL", "http://x/${net0/mac}" },
        { "kernel URL", "http://x/k initrd=evil" },
        { "kernel URL", "http://x/k\nshell" },
        { "kernel URL", "tftp://x/k" },
        { "kernel URL", "" },
        { "kernel URL", "http://" + new string('x', 600) },
        { "ramdisk URL", "http://x/r||shell" },
        { "conductor URL", "https://x y" },
        { "plain URL", "http://x/$y" },
        { "script URL", "http://x/s?a=b?c=d" },
        { "script URL", "http://x/s?mac=${mac}" },
        { "CA digest", "AAAA" },
        { "CA digest", new string('A', 64) },
        { "trust digest", new string('a', 63) },
        { "token", "a b" },
        { "token", "a&&b" },
        { "token", "" },
        { "kernel argument", "init=/bin/sh x" },
        { "kernel argument", "a\"b" },
        { "kernel argument", "a#b" },
        { "kernel argument", "init=/bin/sh" },
        { "kernel argument", "rdinit=/bin/sh" },
        { "kernel argument", "initrd=other" },
        { "kernel argument", "bm.url=https://other" },
        { "kernel argument", "BOOTIF=01-52-54-00-77-00-01" },
        { "kernel argument", "--" },
        { "network", "vlan:12 init=/bin/sh" },
        { "network", "" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void TryAgent_ValueOutsideTheAllowedLetters_IsRefusedByName(string what, string value)
    {
        var boot = what switch
        {
            "kernel URL" => Good with { KernelUrl = value },
            "ramdisk URL" => Good with { RamdiskUrl = value },
            "conductor URL" => Good with { ConductorUrl = value },
            "plain URL" => Good with { PlainUrl = value },
            "CA digest" => Good with { CaSha256 = value },
            "trust digest" => Good with { TrustSha256 = value },
            "token" => Good with { Token = value },
            "kernel argument" => Good with { KernelArguments = [value] },
            "network" => Good with { Network = value },
            _ => Good,
        };

        Assert.False(BootScript.TryAgent(boot, what == "script URL" ? value : ScriptUrl, out var script, out var refusal));

        Assert.Null(script);
        Assert.Contains(what, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void TryAgent_TooManyArguments_IsRefused() =>
        Assert.False(BootScript.TryAgent(Good with { KernelArguments = [.. Enumerable.Repeat("a", 33)] }, ScriptUrl, out _, out _));

    [Fact]
    public void TryAgent_LineLongerThanTheKernelReads_IsRefused()
    {
        Assert.False(BootScript.TryAgent(Good with { KernelArguments = [.. Enumerable.Repeat(new string('a', 400), 5)] }, ScriptUrl, out _, out var refusal));
        Assert.Contains("2047", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void TryAgent_WithANetwork_CarriesItBeforeTheArguments()
    {
        Assert.True(BootScript.TryAgent(Good with { Network = "vlan:12" }, ScriptUrl, out var script, out _));
        Assert.Contains(" bm.net=vlan:12 console=ttyS0,115200 ", script, StringComparison.Ordinal);
    }

    [Fact]
    public void TryLocalDisk_Bios_Exits()
    {
        Assert.True(BootScript.TryLocalDisk(ClientArchitecture.Bios, "http://10.77.0.1:8080/boot/localboot.efi", out var script, out _));
        Assert.EndsWith("\nexit\n", script, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ClientArchitecture.EfiX64)]
    [InlineData(ClientArchitecture.EfiX64Alternative)]
    public void TryLocalDisk_Uefi_ChainsALoaderAndNeverExitsInPeace(ClientArchitecture architecture)
    {
        Assert.True(BootScript.TryLocalDisk(architecture, "http://10.77.0.1:8080/boot/localboot.efi", out var script, out _));
        Assert.Contains("\nchain --replace --autofree http://10.77.0.1:8080/boot/localboot.efi || exit 1\n", script, StringComparison.Ordinal);
        Assert.DoesNotContain("\nexit\n", script, StringComparison.Ordinal);
    }

    [Fact]
    public void TryLocalDisk_BadUrl_IsRefused() =>
        Assert.False(BootScript.TryLocalDisk(ClientArchitecture.EfiX64, "http://x/${y}", out _, out _));
}
