using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Power;

public sealed class PowerEndpointTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(401, 422)]
    [InlineData(503, 502)]
    public async Task Power_ControllerFails_SaysWhetherItMayPass(int controller, int status)
    {
        await using var site = await TestSite.StartAsync();
        site.Bmc.Fault = http =>
        {
            http.Response.StatusCode = controller;
            return Task.FromResult(true);
        };
        var failure = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.Reset, None));
        Assert.Equal(status, failure.Problem.Status);
        Assert.Contains($"{controller}", failure.Problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Power_ByHand_IsRefusedForGood()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        Assert.Equal(422, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.SetPowerAsync("n2", PowerTarget.On, None))).Problem.Status);
    }

    [Fact]
    public async Task Cycle_OperatorStopsWaitingWhileTheMachineIsOff_IsSwitchedOnAllTheSame()
    {
        await using var site = await TestSite.StartAsync();
        await site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.On, None);
        var off = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        site.Bmc.Fault = async http =>
        {
            if (site.Bmc.On)
                return false;
            off.TrySetResult(true);
            await goOn.Task;
            return http.RequestAborted.IsCancellationRequested;
        };
        using var person = new CancellationTokenSource();
        var cycle = site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.Cycle, person.Token);
        await Until.DoneAsync(off.Task, "the machine to be off");
        await person.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cycle);
        // By the time that a new connection has shaken hands and been answered, the end of the old one has been noticed.
        await site.NodeAsync();
        goOn.SetResult();
        await Until.TrueAsync(() => Task.FromResult(site.Bmc.On), "the machine to be on again");
    }
}
