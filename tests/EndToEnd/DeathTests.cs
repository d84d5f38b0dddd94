using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>Something dies in the middle of the stream: the deploy goes on by itself, and the disk boots whole.</summary>
public sealed class DeathTests : SiteTests
{
    /// <summary>Most of the tiny image's bytes are in its first third; what follows is zeros, and over at once.</summary>
    private const long Middle = 8 << 20;

    /// <summary>So slow that there is a middle: the tiny image has 15 MB.</summary>
    private const int SlowMbit = 8;

    /// <summary>An agent that is cut off for some seconds is waited for, not started anew.</summary>
    private static readonly LabConductorSettings PatientConductor = new() { HeartbeatLost = TimeSpan.FromMinutes(2) };

    [Theory]
    [InlineData(FirmwareMode.Bios)]
    [InlineData(FirmwareMode.Uefi)]
    public async Task Deploy_ConductorKilledInTheMiddle_GoesOnWhereItWas(FirmwareMode firmware)
    {
        var (site, server, job) = await InTheMiddleAsync(firmware);

        await site.Conductor.KillAsync();
        await site.Conductor.StartAsync(TestContext.Current.CancellationToken);

        await site.AssertFinishesAsync(server, job);
    }

    [Fact]
    public async Task Deploy_AgentKilledInTheMiddle_TakesTheOrderAgainAndReusesWhatIsWritten()
    {
        // The kernel's own out-of-memory kill, asked for by SysRq on the serial line, takes the largest process: the agent.
        var (site, server, job) = await InTheMiddleAsync(FirmwareMode.Bios, new LabConductorSettings { KernelArguments = "console=ttyS0 sysrq_always_enabled=1" });

        await server.SendBreakAsync("f", TestContext.Current.CancellationToken);
        await server.Serial.WaitForLineAsync("The deploy agent ended by signal 9", TimeSpan.FromMinutes(1), cancellationToken: TestContext.Current.CancellationToken);

        var finished = await site.AssertFinishesAsync(server, job);
        Assert.True(finished.Result!.ReusedBytes > 0, "Nothing of what was written before the kill was reused.");
        await AssertLogTellsTheDeathAndNoTokenAsync(site, server, job);
    }

    [Fact]
    public async Task Deploy_PowerCutInTheMiddle_BootsTheNodeAgainAndFinishes()
    {
        var (site, server, job) = await InTheMiddleAsync(FirmwareMode.Uefi);

        await server.PowerOffAsync(TestContext.Current.CancellationToken);
        Assert.True(Site.FirstBytes(server, 512).All(value => value == 0), "The disk could boot although it was written half.");

        var finished = await site.AssertFinishesAsync(server, job);
        Assert.Equal(2, finished.Attempt);
    }

    [Fact]
    public async Task Deploy_NetworkCutInTheMiddle_GoesOnWhenItIsBack()
    {
        var (site, server, job) = await InTheMiddleAsync(FirmwareMode.Bios, PatientConductor);

        await server.UnplugAsync(TestContext.Current.CancellationToken);
        await UntilTheAgentMissesItsConductorAsync(server);
        await server.PlugInAsync(TestContext.Current.CancellationToken);

        var finished = await site.AssertFinishesAsync(server, job);
        Assert.Equal(1, finished.Attempt);
    }

    [Fact]
    public async Task Deploy_ServerStalledInTheMiddle_GoesOnWhenItMoves()
    {
        var (site, server, job) = await InTheMiddleAsync(FirmwareMode.Bios, PatientConductor);

        site.Conductor.Signal(LabProcess.SigStop);
        await UntilTheAgentMissesItsConductorAsync(server);
        site.Conductor.Signal(LabProcess.SigCont);

        await site.AssertFinishesAsync(server, job);
    }

    // The kernel shows its command line on the serial line, where the tokens of all boots can be found.
    private static async Task AssertLogTellsTheDeathAndNoTokenAsync(Site site, VirtualServer server, Job job)
    {
        var told = await site.Conductor.RunAsync(["job", "show", job.Id, "--log"], TestContext.Current.CancellationToken);
        foreach (var said in new[] { "ramdisk: The deploy agent ended by signal 9.", "vda: ", "bm.token=(one-time token)", "Out of memory: Killed process" })
            Assert.Contains(said, told, StringComparison.Ordinal);
        var tokens = Regex.Matches(await File.ReadAllTextAsync(server.Serial.Path, TestContext.Current.CancellationToken), "(?<=bm\\.token=)[0-9a-f]{32}", RegexOptions.None, TimeSpan.FromSeconds(10));
        Assert.NotEmpty(tokens);
        Assert.All(tokens, token => Assert.DoesNotContain(token.Value, told, StringComparison.Ordinal));
    }

    private async Task<(Site Site, VirtualServer Server, Job Job)> InTheMiddleAsync(FirmwareMode firmware, LabConductorSettings? conductor = null)
    {
        var site = await OpenAsync(conductor: conductor);
        var server = await site.AddAvailableServerAsync(firmware);
        await server.LimitNetworkAsync(SlowMbit, TestContext.Current.CancellationToken);
        var job = await site.DeployAsync(server);
        await site.UntilWrittenAsync(job, Middle);
        await server.LimitNetworkAsync(megabits: null, TestContext.Current.CancellationToken);
        return (site, server, job);
    }

    private static async Task UntilTheAgentMissesItsConductorAsync(VirtualServer server) =>
        await server.Serial.WaitForLineAsync("Trying until it answers.", TimeSpan.FromMinutes(2), cancellationToken: TestContext.Current.CancellationToken);
}
