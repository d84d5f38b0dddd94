using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>Something dies in the middle of the stream: the deploy goes on by itself, and the disk boots whole.</summary>
public sealed class DeathTests : MiddleOfADeployTests
{
    [Fact]
    public async Task Deploy_ConductorKilledInTheMiddle_GoesOnWhereItWas()
    {
        var (site, server, job) = await InTheMiddleAsync(FirmwareMode.Uefi);

        await site.Conductor.KillAsync();
        await LiftTheLimitAsync(server);
        await site.Conductor.StartAsync(TestContext.Current.CancellationToken);

        await site.AssertFinishesAsync(server, job);
    }

    [Fact]
    public async Task Deploy_AgentKilledInTheMiddle_TakesTheOrderAgainAndReusesWhatIsWritten()
    {
        // The kernel's own out-of-memory kill, asked for by SysRq on the serial line, takes the largest process: the agent. The next one is waited for, however slowly it starts.
        var (site, server, job) = await InTheMiddleAsync(
            FirmwareMode.Bios, new LabConductorSettings { KernelArguments = $"{LabConductorSettings.VirtualKernelArguments} sysrq_always_enabled=1", HeartbeatLost = TimeSpan.FromMinutes(2) });

        await server.SendBreakAsync("f", TestContext.Current.CancellationToken);
        await LiftTheLimitAsync(server);
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
        await LiftTheLimitAsync(server);
        Assert.True(Site.FirstBytes(server, 512).All(value => value == 0), "The disk could boot although it was written half.");

        var finished = await site.AssertFinishesAsync(server, job);
        Assert.Equal(2, finished.Attempt);
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
}
