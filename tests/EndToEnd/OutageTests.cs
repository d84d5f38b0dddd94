using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>Agent and conductor lose each other in the middle of the stream, and nobody dies: the deploy waits, and goes on.</summary>
public sealed class OutageTests : MiddleOfADeployTests
{
    /// <summary>An agent that is cut off for some seconds is waited for, not started anew.</summary>
    private static readonly LabConductorSettings PatientConductor = new() { HeartbeatLost = TimeSpan.FromMinutes(2) };

    [Fact]
    public async Task Deploy_NetworkCutInTheMiddle_GoesOnWhenItIsBack()
    {
        var (site, server, job) = await InTheMiddleAsync(FirmwareMode.Bios, PatientConductor);

        await server.UnplugAsync(TestContext.Current.CancellationToken);
        await UntilTheAgentMissesItsConductorAsync(server);
        await LiftTheLimitAsync(server);
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
        await LiftTheLimitAsync(server);
        site.Conductor.Signal(LabProcess.SigCont);

        await site.AssertFinishesAsync(server, job);
    }

    private static async Task UntilTheAgentMissesItsConductorAsync(VirtualServer server) =>
        await server.Serial.WaitForLineAsync("Trying until it answers.", TimeSpan.FromMinutes(2), cancellationToken: TestContext.Current.CancellationToken);
}
