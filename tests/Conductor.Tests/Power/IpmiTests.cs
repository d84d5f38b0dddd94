using Baremetal.Api;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Tests.World;
using Baremetal.Lab;

namespace Baremetal.Conductor.Tests.Power;

/// <summary>The real <c>ipmitool</c> before a real <c>ipmi_sim</c>.</summary>
public sealed class IpmiTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static IpmiDriver Driver(TestIpmi bmc, TimeProvider? time = null, string? address = null, string user = TestIpmi.User, string? password = null)
    {
        Assert.True(IpmiAddress.TryParse(address ?? bmc.Power.Address, out var parsed));
        return new IpmiDriver(new IpmiAccess(parsed, user, password ?? bmc.Password), time ?? new HastyClock());
    }

    private static async Task<PowerException> FailureAsync(Func<Task> call) => await Assert.ThrowsAsync<PowerException>(call);

    [Fact]
    public async Task Power_OnOffCycleReset_IsInTheStateThatTheMachineSays()
    {
        await using var bmc = await TestIpmi.StartAsync();
        var driver = Driver(bmc, TimeProvider.System);
        Assert.Equal(PowerState.Off, await driver.GetStateAsync(None));
        await driver.SetAsync(PowerTarget.On, None);
        Assert.True(bmc.IsOn);
        await driver.SetAsync(PowerTarget.On, None);
        Assert.Single(bmc.Starts);
        await driver.SetAsync(PowerTarget.Cycle, None);
        await driver.SetAsync(PowerTarget.Reset, None);
        Assert.Equal((3, PowerState.On), (bmc.Starts.Length, await driver.GetStateAsync(None)));
        await driver.SetAsync(PowerTarget.Off, None);
        Assert.False(bmc.IsOn);
    }

    [Theory]
    [InlineData(FirmwareMode.Uefi, "05 a0 04 00 00 00")]
    [InlineData(FirmwareMode.Bios, "05 80 04 00 00 00")]
    public async Task BootFromNetwork_OffOrOn_StartsFromTheNetworkOnceAndAsTheFirmwareDoes(FirmwareMode firmware, string flags)
    {
        await using var bmc = await TestIpmi.StartAsync();
        var driver = Driver(bmc, TimeProvider.System);
        Assert.Null((await driver.BootFromNetworkAsync(new NetworkStart(firmware, BootPolicy.DiskFirst), None)).ByHand);
        Assert.NotNull((await driver.BootFromNetworkAsync(new NetworkStart(firmware, BootPolicy.DiskFirst), None)).OffAt);
        await driver.SetAsync(PowerTarget.Reset, None);
        Assert.Equal([true, true, false], bmc.Starts);
        // Set System Boot Options (IPMI 2.0, 28.12), as the BMC got it.
        Assert.Contains(bmc.Process.Output.Tail(1000), line => line.Trim() == flags);
    }

    [Theory]
    [InlineData(TestIpmi.User, "hunter2", "the password of user 'ops'")]
    [InlineData("nobody", "hunter2", "user 'nobody'")]
    public async Task Account_Wrong_FailsForGoodNamingTheUserOnly(string user, string password, string named)
    {
        await using var bmc = await TestIpmi.StartAsync();
        var failure = await FailureAsync(() => Driver(bmc, TimeProvider.System, user: user, password: password).GetStateAsync(None));
        Assert.False(failure.Again);
        Assert.Contains($"127.0.0.1 port {bmc.Address.Port} refuses {named}", failure.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain(password, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cipher_ThatTheControllerHasNot_FailsForGoodNamingTheOther()
    {
        await using var bmc = await TestIpmi.StartAsync();
        var failure = await FailureAsync(() => Driver(bmc, TimeProvider.System, $"ipmi://{bmc.Address}").GetStateAsync(None));
        Assert.False(failure.Again);
        Assert.Contains("cipher suite 17", failure.Cause, StringComparison.Ordinal);
        Assert.Contains("cipher=3", failure.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Controller_ThatIsNotThere_MayBeAskedAgain()
    {
        await using var bmc = await TestIpmi.StartAsync();
        foreach (var (address, said) in new[] { ($"ipmi://{TestIpmi.FreePort()}", "cannot be reached"), ("ipmi://bmc.invalid", "Address lookup for bmc.invalid failed") })
        {
            var failure = await FailureAsync(() => Driver(bmc, TimeProvider.System, address).GetStateAsync(None));
            Assert.True(failure.Again);
            Assert.Contains(said, failure.Cause, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Controller_ThatDiesOverAnOrder_MayBeAskedAgain()
    {
        await using var bmc = await TestIpmi.StartAsync();
        bmc.Ordered = () => bmc.Process.Signal(LabProcess.SigKill);
        Assert.True((await FailureAsync(() => Driver(bmc).SetAsync(PowerTarget.On, None))).Again);
    }

    [Fact]
    public async Task Controller_ThatHangs_IsGivenUpAndThePasswordIsOnNoCommandLine()
    {
        await using var bmc = await TestIpmi.StartAsync();
        bmc.Process.Signal(LabProcess.SigStop);
        var asked = Driver(bmc).GetStateAsync(None);
        await Until.TrueAsync(() => Task.FromResult(AskingIt().Length > 0), "ipmitool to run");
        Assert.DoesNotContain(CommandLines(), line => line.Contains(bmc.Password, StringComparison.Ordinal));
        // It blots out a password that it was given there, a moment too late: so that it was given none.
        Assert.DoesNotContain(AskingIt(), line => line.Contains("\0-P", StringComparison.Ordinal));
        var failure = await FailureAsync(() => asked);
        Assert.True(failure.Again);
        Assert.Contains("did not answer 'power status'", failure.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain(bmc.Password, failure.ToString(), StringComparison.Ordinal);
        await Until.TrueAsync(() => Task.FromResult(AskingIt().Length == 0), "ipmitool to be gone");

        using var stop = new CancellationTokenSource();
        asked = Driver(bmc).GetStateAsync(stop.Token);
        await Until.TrueAsync(() => Task.FromResult(AskingIt().Length > 0), "ipmitool to run");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await Until.TrueAsync(() => Task.FromResult(AskingIt().Length == 0), "ipmitool to be gone");

        string[] AskingIt() => [.. CommandLines().Where(line => line.StartsWith("ipmitool", StringComparison.Ordinal) && line.Contains($"\0{bmc.Address.Port}\0", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task Controller_ThatLies_IsCaughtByLooking()
    {
        await using var bmc = await TestIpmi.StartAsync();
        bmc.Lies = true;
        Assert.Contains("still off", (await FailureAsync(() => Driver(bmc).SetAsync(PowerTarget.On, None))).Cause, StringComparison.Ordinal);
        (bmc.Lies, bmc.Forgets) = (false, true);
        var failure = await FailureAsync(() => Driver(bmc).BootFromNetworkAsync(new NetworkStart(FirmwareMode.Uefi, BootPolicy.DiskFirst), None));
        Assert.Contains("but says 'Boot Device Selector : No override'", failure.Cause, StringComparison.Ordinal);
        Assert.Empty(bmc.Starts);
    }

    [Theory]
    [InlineData("ipmi://bmc.example", "bmc.example", 623, 17)]
    [InlineData("IPMI://BMC.example:6230/?cipher=3", "bmc.example", 6230, 3)]
    [InlineData("ipmi://[2001:db8::7]?cipher=17", "2001:db8::7", 623, 17)]
    public void Address_OfABmc_IsRead(string text, string host, int port, int cipher)
    {
        Assert.True(IpmiAddress.TryParse(text, out var address));
        Assert.Equal(new IpmiAddress(host, port, cipher), address);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("bmc.example")]
    [InlineData("https://bmc.example")]
    [InlineData("ipmi://")]
    [InlineData("ipmi://-I")]
    [InlineData("ipmi://-Iopen:623")]
    [InlineData("ipmi://bmc;reboot")]
    [InlineData("ipmi://bmc example")]
    [InlineData("ipmi://bmc:0")]
    [InlineData("ipmi://bmc:65536")]
    [InlineData("ipmi://bmc:-1")]
    [InlineData("ipmi://ops:s3cret@bmc")]
    [InlineData("ipmi://bmc/path")]
    [InlineData("ipmi://bmc?cipher=0")]
    [InlineData("ipmi://bmc?cipher=3&x=y")]
    public void Address_ThatIsNone_IsRefused(string? text) => Assert.False(IpmiAddress.TryParse(text, out _));

    private static IEnumerable<string> CommandLines()
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            string line;
            try
            {
                line = File.ReadAllText(Path.Combine(process, "cmdline"));
            }
            catch (IOException)
            {
                continue; // It has ended.
            }
            yield return line;
        }
    }
}

/// <summary>Alone: what it changes, all others share.</summary>
[Collection(nameof(IpmitoolMissingTests))]
[CollectionDefinition(nameof(IpmitoolMissingTests), DisableParallelization = true)]
public sealed class IpmitoolMissingTests
{
    [Fact]
    public async Task Ipmitool_NotInstalled_FailsForGoodNamingThePackage()
    {
        Assert.True(IpmiAddress.TryParse("ipmi://127.0.0.1", out var address));
        var path = Environment.GetEnvironmentVariable("PATH");
        Environment.SetEnvironmentVariable("PATH", "/nonexistent");
        try
        {
            var failure = await Assert.ThrowsAsync<PowerException>(() => new IpmiDriver(new IpmiAccess(address, "ops", "s3cret"), TimeProvider.System).GetStateAsync(CancellationToken.None));
            Assert.False(failure.Again);
            Assert.Contains("Install the package ipmitool", failure.Remedy, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }
}
