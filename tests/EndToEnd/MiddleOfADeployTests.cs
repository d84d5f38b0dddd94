using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>A deploy that is in the middle of its stream, to have something happen to it there.</summary>
public abstract class MiddleOfADeployTests : SiteTests
{
    /// <summary>Most of the tiny image's bytes are in its first third; what follows is zeros, and over at once.</summary>
    private const long Middle = 8 << 20;

    /// <summary>So slow that there is a middle: the tiny image has 15 MB.</summary>
    private const int SlowMbit = 8;

    /// <summary>It stays slow until the test lifts the limit: on a busy machine the rest would be over before anything can happen to it.</summary>
    private protected async Task<(Site Site, VirtualServer Server, Job Job)> InTheMiddleAsync(FirmwareMode firmware, LabConductorSettings? conductor = null)
    {
        var site = await OpenAsync(conductor: conductor);
        var server = await site.AddAvailableServerAsync(firmware);
        await server.LimitNetworkAsync(SlowMbit, TestContext.Current.CancellationToken);
        var job = await site.DeployAsync(server);
        await site.UntilWrittenAsync(job, Middle);
        return (site, server, job);
    }

    private protected static Task LiftTheLimitAsync(VirtualServer server) => server.LimitNetworkAsync(megabits: null, TestContext.Current.CancellationToken);
}
