using Baremetal.Api;
using Baremetal.Conductor.Runners;
using Baremetal.Conductor.Tests.World;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Runners;

/// <summary>The long poll.</summary>
public sealed class OrderTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static async Task<Task<RunnerOrders?>> WaitingAsync(TestConductor conductor, TestRunner runner, long after)
    {
        var asked = runner.Client.AskOrdersAsync(after, None);
        var feed = conductor.Services.GetRequiredService<OrderFeed>();
        await Until.TrueAsync(() => Task.FromResult(feed.IsWaiting(runner.Identity!.Id, after)), "the runner to wait");
        Assert.False(asked.IsCompleted);
        return asked;
    }

    [Fact]
    public async Task Orders_AreAnsweredAtOnceWhereTheyDifferAndWaitedForWhereNot()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        Assert.Equal((0, 0), (await runner.OrdersAsync()) is var none ? (none.Revision, none.Vms.Length) : default);
        var asked = await WaitingAsync(conductor, runner, 0);
        // What is no order of this runner's wakes nobody.
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:01:01", new PowerSettings("manual")), None);
        using var other = await TestRunner.StartAsync(conductor, "kvm2");
        await conductor.Operator.CreateVmAsync("kvm2", new CreateVm("other", TestRunner.Image), None);
        Assert.Single((await other.OrdersAsync()).Vms);
        Assert.False(asked.IsCompleted);

        await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("web", TestRunner.Image), None);
        var orders = await Until.DoneAsync(asked, "the new order");
        Assert.Equal((1, "web"), (orders!.Revision, Assert.Single(orders.Vms).Spec.Name));
    }

    [Fact]
    public async Task Waiting_EndsWithTheHost()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var asked = await WaitingAsync(conductor, runner, 0);
        await conductor.StopAsync();
        Assert.Null(await Until.DoneAsync(asked, "the answer of a conductor that stops"));
    }

    [Fact]
    public async Task Waiting_EndsWithTheRunner()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var asked = await WaitingAsync(conductor, runner, 0);
        await conductor.Operator.RemoveRunnerAsync("kvm1", force: false, None);
        Assert.Null(await Until.DoneAsync(asked, "the answer to a removed runner"));
    }

    [Fact]
    public async Task Waiting_Twice_TheNewerOneIsAnswered()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        var older = await WaitingAsync(conductor, runner, 0);
        var newer = runner.Client.AskOrdersAsync(0, None);
        Assert.Null(await Until.DoneAsync(older, "the older question's end"));
        await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("web", TestRunner.Image), None);
        Assert.Single((await Until.DoneAsync(newer, "the order"))!.Vms);
    }

    [Fact]
    public async Task Waiting_WithNothingNew_EndsAfterHalfAMinute()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        Assert.Null(await Until.DoneAsync(runner.Client.AskOrdersAsync(0, None), "an answer without news"));
    }

    [Fact]
    public async Task Orders_AfterARestartOfTheConductor_AreTheSame()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("web", TestRunner.Image, UserData: "x"), None);
        var before = await runner.OrdersAsync();
        await conductor.RestartAsync();
        var after = await runner.OrdersAsync();
        Assert.Equal((before.Revision, before.Vms[0].Id, before.Vms[0].Run, "x"), (after.Revision, after.Vms[0].Id, after.Vms[0].Run, after.Vms[0].Spec.UserData));
        Assert.Equal(RunnerState.Ready, (await conductor.Operator.GetRunnerAsync("kvm1", None)).State);
    }

    [Fact]
    public async Task Clock_SetBackWhileNoConductorRan_DoesNotKeepARunnerReadyForHours()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        await conductor.StopAsync();
        conductor.Clock.Step(TimeSpan.FromHours(-3));
        await conductor.RestartAsync();
        conductor.Clock.Jump(TimeSpan.FromMinutes(2));
        Assert.Equal(RunnerState.Lost, (await conductor.Operator.GetRunnerAsync("kvm1", None)).State);
    }
}
