using System.Net;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Tests.Settings;

public sealed class SettingsTests
{
    private static (ConductorSettings Settings, string[] Faults) Read(string? json = null, params (string, string)[] overrides)
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "conductor.json");
        File.WriteAllText(path, json ?? "{}");
        var (settings, faults) = SettingsFile.Read(path, overrides.Select(one => KeyValuePair.Create(one.Item1, (string?)one.Item2)));
        return (settings, [.. faults.Select(fault => fault.ToString())]);
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
        File.WriteAllText(path, """{"plainPort": 1001, "tlsPort": 1002, "limits": {"power": "10s", "stalled": "20s"}, "addresses": ["10.0.0.1", "10.0.0.2"]}""");
        Directory.CreateDirectory(path + ".d");
        File.WriteAllText(Path.Combine(path + ".d", "20-b.json"), """{"tlsPort": 2002}""");
        File.WriteAllText(Path.Combine(path + ".d", "10-a.json"), """{"tlsPort": 3002, "kernelArguments": "console=ttyS0"}""");
        var (settings, faults) = SettingsFile.Read(path, [KeyValuePair.Create("limits:stalled", (string?)"2h")]);
        Assert.Empty(faults);
        Assert.Equal((1001, 2002, "console=ttyS0"), (settings.PlainPort, settings.TlsPort, settings.KernelArguments));
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.FromHours(2)), (settings.Limits.Power, settings.Limits.Stalled));
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
    public void Discovery_Unset_IsOff() => Assert.Equal((DiscoveryMode.Off, 0), (Read().Settings.Discovery.Mode, Read().Settings.Discovery.Rules.Length));

    [Fact]
    public void Discovery_Rules_AreReadInTheirOrder()
    {
        var (settings, faults) = Read("""{"discovery": {"mode": "on", "most": 10, "rules": [{"name": "r-{serial}", "serial": "LAB-*", "relay": "10.7.0.1", "circuit": "ge-0/0/*", "remote": "0x0006*"}, {"name": "x-{mac}", "vendor": "ACME*"}]}}""");
        Assert.Empty(faults);
        Assert.Equal((DiscoveryMode.On, 10), (settings.Discovery.Mode, settings.Discovery.Most));
        Assert.Equal([new DiscoveryRule("r-{serial}", Serial: "LAB-*", Relay: IPAddress.Parse("10.7.0.1"), Circuit: "ge-0/0/*", Remote: "0x0006*"), new DiscoveryRule("x-{mac}", Vendor: "ACME*")], settings.Discovery.Rules);
    }

    [Fact]
    public void Discovery_RulesThatAreWrong_AreNamed()
    {
        var (_, faults) = Read("""{"discovery": {"rules": [{"serial": "A"}, {"name": "r{colour}", "seriel": "A", "relay": "there"}]}}""");
        foreach (var name in new[] { "discovery.rules.0.name is ''", "discovery.rules.1.name is 'r{colour}'", "discovery.rules.1.seriel", "discovery.rules.1.relay" })
            Assert.Contains(faults, fault => fault.Contains(name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"name": "all-{mac}"}""", "discovery.rules.0 names no machines, and would approve every one.")]
    [InlineData("""{"name": "web", "vendor": "ACME*"}""", "discovery.rules.0.name is 'web' for every machine")]
    [InlineData("""{"name": "web-{product}", "mac": "52:*"}""", "discovery.rules.0.name is 'web-{product}' for every machine")]
    [InlineData("""{"name": "p17", "circuit": "ge-0/0/17"}""", "discovery.rules.0.name is 'p17' for every machine")]
    [InlineData("""{"name": "r-{mac}", "mac": "525400*"}""", "discovery.rules.0.mac is '525400*', which is no machine's.")]
    [InlineData("""{"name": "r-{mac}", "mac": "52-54-00-*"}""", "discovery.rules.0.mac is '52-54-00-*'")]
    [InlineData("""{"name": "r-{mac}", "mac": "52:54:00:12:34"}""", "discovery.rules.0.mac is '52:54:00:12:34'")]
    [InlineData("""{"name": "r-{mac}", "mac": "52:54:00:12:34:5g"}""", "discovery.rules.0.mac is '52:54:00:12:34:5g'")]
    [InlineData("""{"name": "r-{mac}", "mac": ""}""", "discovery.rules.0.mac is empty")]
    [InlineData("""{"name": "r-{mac}", "circuit": "0x00port*"}""", "discovery.rules.0.circuit is '0x00port*', which no relay tells.")]
    [InlineData("""{"name": "r-{mac}", "remote": "0x001"}""", "discovery.rules.0.remote is '0x001', which no relay tells.")]
    [InlineData("""{"name": "r-{mac}", "serial": "A*"}, {"name": "s-{mac}", "serial": "A*"}""", "discovery.rules.1 is for the same machines as discovery.rules.0")]
    public void Discovery_RuleForEverybodyNobodyOrOneNameForMany_IsRefused(string rules, string cause) =>
        Assert.StartsWith(cause, Assert.Single(Read($$"""{"discovery": {"rules": [{{rules}}] } }""").Faults), StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"name": "all-{mac}", "mac": "*"}""")]
    [InlineData("""{"name": "r-{mac}", "mac": "52:54:*:0?"}""")]
    [InlineData("""{"name": "r-{mac}", "mac": "??:54:00:*:*"}""")]
    [InlineData("""{"name": "r7", "mac": "52:54:00:0D:00:01"}""")]
    [InlineData("""{"name": "r7", "serial": "LAB-7"}""")]
    [InlineData("""{"name": "r7", "circuit": "ge-0/0/17", "remote": "0x0006001b21aabbcc"}""")]
    [InlineData("""{"name": "r-{serial}", "remote": "0x0006*", "circuit": "0x??"}""")]
    [InlineData("""{"name": "r-{serial}", "relay": "10.7.0.1"}""")]
    [InlineData("""{"name": "a-{mac}", "serial": "A*"}, {"name": "b-{mac}", "serial": "B*"}""")]
    public void Discovery_RuleForSome_IsTaken(string rules) => Assert.Empty(Read($$"""{"discovery": {"rules": [{{rules}}] } }""").Faults);

    [Theory]
    [InlineData("banana")]
    [InlineData("[{\"name\": \"r-{mac}\", \"mac\": \"*\"}]")]
    public void Discovery_RulesAsAText_AreRefusedNamingTheWayThatWorks(string text)
    {
        var fault = Assert.Single(Read(null, ("discovery:rules", text)).Faults);
        Assert.StartsWith($"discovery.rules is '{text}' (--set discovery.rules); it must be a list.", fault, StringComparison.Ordinal);
        Assert.Contains("--set discovery.rules.0.name=", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Discovery_RulesWordByWord_AreRead()
    {
        var (settings, faults) = Read(null, ("discovery:rules:0:name", "r-{mac}"), ("discovery:rules:0:mac", "52:54:00:*"));
        Assert.Empty(faults);
        Assert.Equal([new DiscoveryRule("r-{mac}", Mac: "52:54:00:*")], settings.Discovery.Rules);
    }

    [Theory]
    [InlineData("""{"name": "r-{mac}", "mac": "*"}""", "'mac', 'name'")]
    [InlineData("""{"first": {"name": "r-{mac}", "mac": "*"}}""", "'first'")]
    public void Discovery_RulesAsAnObject_AreRefusedAsNoList(string rules, string keys)
    {
        var fault = Assert.Single(Read($$"""{"discovery": {"rules": {{rules}} } }""").Faults);
        Assert.StartsWith($"discovery.rules is an object with {keys} (/", fault, StringComparison.Ordinal);
        Assert.Contains("conductor.json); it must be a list.", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Discovery_RulesEmpty_AreNone() => Assert.Equal((0, 0), (Read("""{"discovery": {"rules": []}}""").Faults.Length, Read("""{"discovery": {"rules": []}}""").Settings.Discovery.Rules.Length));

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

    [Fact]
    public void File_WithBrokenJson_IsAFaultWithLineColumnAndCause()
    {
        var fault = Assert.Single(Read("{\n  \"plainPort\": 1,\n  plainPort: 2\n}").Faults);
        Assert.Contains("conductor.json, line 3, column 3: 'p' is an invalid start of a property name", fault, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_IsNamedWithWhereItComesFromAndWhatIsMeant()
    {
        Environment.SetEnvironmentVariable("CONDUCTOR_Dhcp__Poool", "x");
        try
        {
            var faults = Read("""{"plainport2": 1, "mode": "off", "zzzzzz": "y", "zzzzzy": "y"}""", ("tslPort", "1")).Faults;
            Assert.Equal(6, faults.Length);
            Assert.Contains(faults, fault => fault.StartsWith("There is no setting 'plainport2' (/", StringComparison.Ordinal) && fault.EndsWith("conductor.json). Is plainPort meant?", StringComparison.Ordinal));
            Assert.Contains(faults, fault => fault.EndsWith("Is dhcp.mode meant?", StringComparison.Ordinal));
            Assert.Contains(faults, fault => fault.StartsWith("There is no setting 'zzzzz", StringComparison.Ordinal) && fault.Contains("The settings are ", StringComparison.Ordinal));
            Assert.Single(faults, fault => fault.Contains("The settings are ", StringComparison.Ordinal));
            Assert.Contains("There is no setting 'tslPort' (--set tslPort). Is tlsPort meant?", faults);
            Assert.Contains("There is no setting 'Dhcp.Poool' (the variable CONDUCTOR_Dhcp__Poool). Is dhcp.pool meant?", faults);
        }
        finally
        {
            Environment.SetEnvironmentVariable("CONDUCTOR_Dhcp__Poool", null);
        }
    }

    [Theory]
    [InlineData("discovry.mode", "Is discovery.mode meant?")]
    [InlineData("dchp.mode", "Is dhcp.mode meant?")]
    [InlineData("mode", "Is dhcp.mode meant?")]
    [InlineData("boot.plainPort", "Is plainPort meant?")]
    [InlineData("DISCOVERY_MODE", "Is discovery.mode meant? As a variable it is CONDUCTOR_DISCOVERY__MODE.")]
    [InlineData("LIMITS_SELF_ERASE", "Is limits.selfErase meant? As a variable it is CONDUCTOR_LIMITS__SELFERASE.")]
    public void Unknown_NearAName_IsAskedForThatOne(string name, string question) =>
        Assert.EndsWith($"(--set {name}). {question}", Assert.Single(Read(null, (name.Replace('.', ':'), "on")).Faults), StringComparison.Ordinal);

    [Theory]
    [InlineData("vendro", "Is vendor meant? ")]
    [InlineData("colour", "")]
    public void Unknown_InARule_IsToldTheWordsOfRules(string word, string question) =>
        Assert.EndsWith(
            $"conductor.json). {question}discovery.rules.0 may have name, mac, serial, vendor, product, relay, circuit, remote.",
            Assert.Single(Read($$"""{"discovery": {"rules": [{"name": "r-{mac}", "mac": "*", "{{word}}": "x"} ] } }""").Faults), StringComparison.Ordinal);

    [Fact]
    public void Pool_WrittenBackwards_NamesTheSettingAndTheWayRound()
    {
        var (_, faults) = Read(null, ("dhcp:mode", "server"), ("dhcp:interface", "lo"), ("dhcp:pool", "10.0.0.5-10.0.0.1"), ("addresses", "10.0.0.9"));
        Assert.Contains("dhcp.pool is 10.0.0.5-10.0.0.1, which is empty: its last address comes before its first. Write the lower one first: 10.0.0.1-10.0.0.5.", faults);
        Assert.DoesNotContain(faults, fault => fault.StartsWith("The pool", StringComparison.Ordinal));
    }

    [Fact]
    public void Dhcp_WithoutInterfaceAndPool_NamesThoseSettings()
    {
        var (_, faults) = Read(null, ("dhcp:mode", "server"));
        Assert.Single(faults, fault => fault.Contains("dhcp.interface is not set", StringComparison.Ordinal));
        Assert.Single(faults, fault => fault.Contains("dhcp.pool is not set", StringComparison.Ordinal));
        Assert.DoesNotContain(faults, fault => fault.Contains("\"\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("trustDirectory")]
    [InlineData("ramdiskDirectory")]
    [InlineData("loadersDirectory")]
    public void Directory_NamedButNotThere_IsAFault(string name) =>
        Assert.Contains($"{name} is '/nonexistent' (--set {name}), and there is no such directory", Assert.Single(Read(null, (name, "/nonexistent")).Faults), StringComparison.Ordinal);
}
