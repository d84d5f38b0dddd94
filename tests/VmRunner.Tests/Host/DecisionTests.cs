using Baremetal.Api;
using Baremetal.VmRunner.Host;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Host;

public sealed class DecisionTests
{
    private const string Boot = "boot-2", EarlierBoot = "boot-1", Base = "base-2", EarlierBase = "base-1";

    // Containers as the engine tells them.
    private const string None = "none", Made = "made", Runs = "runs", NotYet = "not yet";

    public static TheoryData<string, VmTarget, long, long, VmState, string, string, string, VmState> Table => new()
    {
        // what it is, target, run, started run, state before, boot of its start, container → action, state

        // never started
        { "new", VmTarget.Running, 1, 0, VmState.Pending, Boot, None, nameof(VmAction.Create), VmState.Starting },
        { "made", VmTarget.Running, 1, 0, VmState.Starting, Boot, Made, nameof(VmAction.Start), VmState.Starting },
        { "new, not to be started", VmTarget.Stopped, 1, 0, VmState.Pending, Boot, None, nameof(VmAction.Rest), VmState.Stopped },
        { "new, and to be deleted", VmTarget.Deleted, 1, 0, VmState.Pending, Boot, None, nameof(VmAction.Delete), VmState.Deleting },

        // it runs
        { "as it shall", VmTarget.Running, 1, 1, VmState.Running, Boot, Runs, nameof(VmAction.Rest), VmState.Running },
        { "restart asked", VmTarget.Running, 2, 1, VmState.Running, Boot, Runs, nameof(VmAction.Stop), VmState.Stopping },
        { "stop asked", VmTarget.Stopped, 1, 1, VmState.Running, Boot, Runs, nameof(VmAction.Stop), VmState.Stopping },
        { "deletion asked", VmTarget.Deleted, 1, 1, VmState.Running, Boot, Runs, nameof(VmAction.Stop), VmState.Deleting },
        { "of a service that was killed at the start", VmTarget.Running, 1, 1, VmState.Starting, Boot, Runs, nameof(VmAction.Rest), VmState.Running },

        // it was stopped
        { "as it shall be", VmTarget.Stopped, 1, 1, VmState.Stopping, Boot, "0", nameof(VmAction.Rest), VmState.Stopped },
        { "restart, half way", VmTarget.Running, 2, 1, VmState.Stopping, Boot, "0", nameof(VmAction.Start), VmState.Starting },
        { "start asked", VmTarget.Running, 2, 1, VmState.Stopped, Boot, "0", nameof(VmAction.Start), VmState.Starting },
        { "deletion", VmTarget.Deleted, 1, 1, VmState.Stopped, Boot, "0", nameof(VmAction.Delete), VmState.Deleting },

        // the start was written down and did not come about: the container still tells of the one before
        { "killed before the start", VmTarget.Running, 2, 2, VmState.Starting, Boot, NotYet, nameof(VmAction.Start), VmState.Starting },

        // it ended by itself
        { "the guest switched itself off", VmTarget.Running, 1, 1, VmState.Running, Boot, "0", nameof(VmAction.Rest), VmState.Stopped },
        { "it has ended before", VmTarget.Running, 1, 1, VmState.Stopped, Boot, "0", nameof(VmAction.Rest), VmState.Stopped },
        { "no disk", VmTarget.Running, 1, 1, VmState.Running, Boot, $"{ExitCodes.NoDisk}", nameof(VmAction.Rest), VmState.Failed },
        { "no overlay", VmTarget.Running, 1, 1, VmState.Running, Boot, $"{ExitCodes.NoOverlay}", nameof(VmAction.Rest), VmState.Failed },
        { "no network", VmTarget.Running, 1, 1, VmState.Running, Boot, $"{ExitCodes.NoNetwork}", nameof(VmAction.Rest), VmState.Failed },
        { "refused option", VmTarget.Running, 1, 1, VmState.Running, Boot, $"{ExitCodes.RefusedOption}", nameof(VmAction.Rest), VmState.Failed },
        { "refused before, started anew", VmTarget.Running, 2, 1, VmState.Failed, Boot, $"{ExitCodes.RefusedOption}", nameof(VmAction.Start), VmState.Starting },
        { "QEMU died", VmTarget.Running, 1, 1, VmState.Running, Boot, $"{ExitCodes.NoMachine}", nameof(VmAction.Start), VmState.Starting },
        { "killed for want of memory", VmTarget.Running, 1, 1, VmState.Running, Boot, "137", nameof(VmAction.Start), VmState.Starting },
        { "a fault of the supervisor", VmTarget.Running, 1, 1, VmState.Running, Boot, $"{ExitCodes.Fault}", nameof(VmAction.Start), VmState.Starting },

        // the host restarted
        { "it ran", VmTarget.Running, 1, 1, VmState.Running, EarlierBoot, "0", nameof(VmAction.Start), VmState.Starting },
        { "it was being started", VmTarget.Running, 1, 1, VmState.Starting, EarlierBoot, "137", nameof(VmAction.Start), VmState.Starting },
        { "its guest had switched itself off", VmTarget.Running, 1, 1, VmState.Stopped, EarlierBoot, "137", nameof(VmAction.Rest), VmState.Stopped },
        { "it was stopped", VmTarget.Stopped, 1, 1, VmState.Stopped, EarlierBoot, "0", nameof(VmAction.Rest), VmState.Stopped },

        // somebody removed the container
        { "of one that ran", VmTarget.Running, 1, 1, VmState.Running, Boot, None, nameof(VmAction.Create), VmState.Starting },
        { "of one that ended by itself", VmTarget.Running, 1, 1, VmState.Stopped, Boot, None, nameof(VmAction.Rest), VmState.Stopped },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Next_AVm_IsAsTheTableSays(string what, VmTarget target, long run, long startedRun, VmState state, string boot, string container, string action, VmState becomes)
    {
        var record = Record(target, run) with { State = state, StartedRun = startedRun, StartedAfter = -1, BootId = boot, ImageId = "image" };

        var decision = Decision.Next(record, View(container, Base), Boot, Base);

        Assert.True((action, becomes) == (decision.Action.ToString(), decision.State), $"{what}: {decision}");
    }

    [Theory]
    [InlineData(None)]
    [InlineData(Made)]
    public void Next_WithoutItsImage_PullsIt(string container) =>
        Assert.Equal(VmAction.Pull, Decision.Next(Record(VmTarget.Running, 1), View(container, Base), Boot, Base).Action);

    [Fact]
    public void Next_FailedForGoodUnderThisNumber_RestsWithItsCause()
    {
        var record = Record(VmTarget.Running, 3) with { FailedRun = 3, Cause = "There are two disks." };

        Assert.Equal(new Decision(VmAction.Rest, VmState.Failed, "There are two disks."), Decision.Next(record, null, Boot, Base));
        Assert.Equal(VmAction.Pull, Decision.Next(record with { FailedRun = 2 }, null, Boot, Base).Action);
    }

    [Fact]
    public void Next_BeforeAStart_PutsTheContainerAroundTheNewBase()
    {
        var record = Record(VmTarget.Running, 2) with { StartedRun = 1, ImageId = "image", State = VmState.Stopped };

        Assert.Equal(VmAction.Recreate, Decision.Next(record, View("0", EarlierBase), Boot, Base).Action);
        // One that runs is left alone.
        Assert.Equal(VmAction.Rest, Decision.Next(record with { StartedRun = 2 }, View(Runs, EarlierBase), Boot, Base).Action);
    }

    [Fact]
    public void Next_WithoutABase_WaitsAndSaysWhatFor()
    {
        var decision = Decision.Next(Record(VmTarget.Running, 1) with { ImageId = "image" }, null, Boot, null);

        Assert.Equal(VmAction.Rest, decision.Action);
        Assert.Contains("base image", decision.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("69", true)]
    [InlineData("0", false)]
    [InlineData("64", false)]
    public void Next_OfAnEndThatMayPass_SaysSo(string exitCode, bool mayPass)
    {
        var record = Record(VmTarget.Running, 1) with { State = VmState.Running, StartedRun = 1, StartedAfter = -1, BootId = Boot, ImageId = "image" };

        Assert.Equal(mayPass, Decision.Next(record, View(exitCode, Base), Boot, Base).MayPass);
    }

    private static VmRecord Record(VmTarget target, long run) =>
        new(new VmOrder("vm-1", run, target, new CreateVm("web", "registry.example/web:1")), VmState.Pending, DateTimeOffset.UnixEpoch, "52:54:00:00:00:01");

    private static ContainerView? View(string container, string baseImage) => container switch
    {
        None => null,
        Made or NotYet => new ContainerView("c", baseImage, false, -1, 0),
        Runs => new ContainerView("c", baseImage, true, 100, 0),
        _ => new ContainerView("c", baseImage, false, 100, int.Parse(container)),
    };
}
