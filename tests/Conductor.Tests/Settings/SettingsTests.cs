using System.Net;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Tests.Settings;

public sealed class SettingsTests
{
    private static (ConductorSettings Settings, IReadOnlyList<string> Faults) Read(string? json = null, params (string, string)[] overrides)
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "conductor.json");
        File.WriteAllText(path, json ?? "{}");
        return SettingsFile.Read(path, overrides.Select(one => KeyValuePair.Create(one.Item1, (string?)one.Item2)));
    }

    [Fact]
    public void Unset_IsTheDefaultAndHarmless()
    {
        var (settings, faults) = Read();
        Assert.Empty(faults);
        Assert.Equal((DhcpMode.Off, 8080, 8443, "/var/lib/baremetal"), (settings.Dhcp.Mode, settings.PlainPort, settings.TlsPort, settings.StateDirectory));
        Assert.Equal(new LimitSettings(), settings.Limits);
    }

    [Fact]
    public void Sources_LaterOnesWin()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "conductor.json");
        File.WriteAllText(path, """{"plainPort": 1001, "tlsPort": 1002, "limits": {"power": "10s", "write": "20s"}, "addresses": ["10.0.0.1", "10.0.0.2"]}""");
        Directory.CreateDirectory(path + ".d");
        File.WriteAllText(Path.Combine(path + ".d", "20-b.json"), """{"tlsPort": 2002}""");
        File.WriteAllText(Path.Combine(path + ".d", "10-a.json"), """{"tlsPort": 3002, "kernelArguments": "console=ttyS0"}""");
        var (settings, faults) = SettingsFile.Read(path, [KeyValuePair.Create("limits:write", (string?)"2h")]);
        Assert.Empty(faults);
        Assert.Equal((1001, 2002, "console=ttyS0"), (settings.PlainPort, settings.TlsPort, settings.KernelArguments));
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.FromHours(2)), (settings.Limits.Power, settings.Limits.Write));
        Assert.Equal([IPAddress.Parse("10.0.0.1"), IPAddress.Parse("10.0.0.2")], settings.Addresses);
    }

    [Fact]
    public void Faults_AreAllNamedAtOnce()
    {
        var (_, faults) = Read(
            """{"plainPort": 70000, "listen": "here", "stateDirectory": "state", "kernelArguments": "a;b ${x}", "limits": {"power": "soon"}, "dhcp": {"mode": "maybe"}, "colour": "red"}""");
        foreach (var name in new[] { "plainPort", "listen", "stateDirectory", "kernelArguments", "limits.power", "dhcp.mode", "colour" })
            Assert.Contains(faults, fault => fault.Contains(name, StringComparison.Ordinal));
    }

    [Fact]
    public void Dhcp_WithoutWhatItNeeds_IsRefusedNamingEach()
    {
        var (_, faults) = Read(null, ("dhcp:mode", "server"), ("dhcp:interface", "nosuch0"), ("ramdiskDirectory", "/nonexistent"), ("loadersDirectory", "/nonexistent"));
        foreach (var word in new[] { "pool", "nosuch0", "vmlinuz", "initrd.img", "loader" })
            Assert.Contains(faults, fault => fault.Contains(word, StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    public void File_ThatIsNoJson_IsAFault(string json) => Assert.NotEmpty(Read(json).Faults);

    [Fact]
    public void File_NamedButNotThere_IsAFault() => Assert.NotEmpty(SettingsFile.Read("/nonexistent/conductor.json", []).Faults);
}
