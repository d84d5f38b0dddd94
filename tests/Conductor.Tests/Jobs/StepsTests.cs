using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Settings;

namespace Baremetal.Conductor.Tests.Jobs;

public sealed class StepsTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly LimitSettings Limits = new();
    private static readonly TimeSpan AMinute = TimeSpan.FromMinutes(1);

    private static JobRow At(string step, JobKind kind = JobKind.Deploy) => new() { Id = "j", Node = "n", Kind = kind, Step = step, StepStarted = Now - AMinute, Created = Now - 2 * AMinute, Attempt = 1, AgentNonce = "n", Rescue = new RescueNode(["key"]) };

    private static AgentFacts Agent(double secondsSilent = 1, bool inventory = true) => new(Now - AMinute, Now - TimeSpan.FromSeconds(secondsSilent), inventory ? Now : null, TakesOrders: true);

    private static Facts With(AgentFacts? agent = null, DateTimeOffset? systemSeen = null, params (string Step, StepOutcome Outcome)[] reports) => new(
        WatchingSince: Now - TimeSpan.FromHours(1), agent, systemSeen, reports.ToDictionary(one => one.Step, one => new StepFact(one.Outcome, Now - TimeSpan.FromSeconds(10), one.Outcome == StepOutcome.Failed ? "the disk broke" : null)));

    private static Decision Next(JobRow job, Facts facts) => Steps.Next(job, facts, Limits, Now);

    private static void Advances(string to, Decision decision) => Assert.Equal(new Decision.Advance(to), decision);

    [Fact]
    public void Begin_DeployWithoutAgent_BootsFromNetwork() => Advances(Steps.BootFromNetwork, Next(At(Steps.Begin), With()));

    [Fact]
    public void Begin_DeployWithWaitingAgent_GoesToPrepareWithoutReboot() => Advances(Steps.Prepare, Next(At(Steps.Begin), With(Agent())));

    [Fact]
    public void Begin_DeployWithAgentThatHasToldNothing_WaitsForItsInventory() => Advances(Steps.Inspect, Next(At(Steps.Begin), With(Agent(inventory: false))));

    [Fact]
    public void Begin_DeployWithAgentThatTakesNoOrders_BootsItAnew() => Advances(Steps.BootFromNetwork, Next(At(Steps.Begin), With(Agent() with { TakesOrders = false })));

    [Fact]
    public void WriteImage_AgentLivesButTakesNoOrder_IsTriedAgain() =>
        Assert.IsType<Decision.Again>(Next(At(OrderSteps.WriteImage) with { AgentNonce = null, StepStarted = Now - Limits.ShortStep }, With(Agent())));

    [Fact]
    public void Begin_InspectWithWaitingAgent_BootsAllTheSame() =>
        Advances(Steps.BootFromNetwork, Next(At(Steps.Begin, JobKind.Inspect) with { Created = Now }, With(Agent())));

    [Fact]
    public void BootFromNetwork_NotYetActed_Acts() => Assert.Equal(new Decision.Do(Effect.BootFromNetwork), Next(At(Steps.BootFromNetwork), With()));

    [Fact]
    public void BootFromNetwork_Acted_WaitsForAgent() => Advances(Steps.WaitForAgent, Next(At(Steps.BootFromNetwork) with { Acted = true }, With()));

    [Fact]
    public void BootFromNetwork_AgentCameBackMeanwhile_IsNotDone() => Advances(Steps.Prepare, Next(At(Steps.BootFromNetwork), With(Agent())));

    [Fact]
    public void BootFromNetwork_TroubleThatMayPass_WaitsThenActsAgain()
    {
        var job = At(Steps.BootFromNetwork) with { Trouble = "no answer.", Tries = 1, RetryAt = Now + AMinute };
        Assert.Equal(Now + AMinute, Assert.IsType<Decision.Wait>(Next(job, With())).Until);
        Assert.IsType<Decision.Do>(Next(job with { RetryAt = Now }, With()));
    }

    [Fact]
    public void BootFromNetwork_TroubleBeyondTheLimit_FailsWithTheLastTrouble()
    {
        var job = At(Steps.BootFromNetwork) with { Trouble = "no answer.", Tries = 9, RetryAt = Now, StepStarted = Now - Limits.Power };
        Assert.StartsWith("no answer.", Assert.IsType<Decision.Fail>(Next(job, With())).Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Steps.BootFromNetwork)]
    [InlineData(Steps.Prepare)]
    public void Effect_TroubleForGood_FailsAtOnce(string step) =>
        Assert.Equal(new Decision.Fail(FailureCodes.PlanRefused, "refused"), Next(At(step) with { Trouble = "refused", TroubleCode = FailureCodes.PlanRefused }, With(step == Steps.Prepare ? Agent() : null)));

    [Fact]
    public void WaitForAgent_AgentEnrolled_GoesOn()
    {
        Advances(Steps.Inspect, Next(At(Steps.WaitForAgent), With(Agent(inventory: false))));
        Advances(Steps.Prepare, Next(At(Steps.WaitForAgent), With(Agent())));
        Assert.IsType<Decision.Finish>(Next(At(Steps.WaitForAgent, JobKind.Inspect), With(Agent())));
    }

    [Fact]
    public void WaitForAgent_ForSomeoneToPressTheButton_WaitsLongAndSaysSo()
    {
        var job = At(Steps.WaitForAgent) with { Note = "an operator", StepStarted = Now - Limits.AgentBoot };
        Assert.Equal(new Decision.Wait(job.StepStarted + Limits.ByHand, "an operator"), Next(job, With()));
    }

    [Theory]
    [InlineData(Steps.Inspect)]
    [InlineData(Steps.Prepare)]
    [InlineData(OrderSteps.WriteImage)]
    [InlineData(OrderSteps.SetBootDisk)]
    [InlineData(OrderSteps.Reboot)]
    public void StepOfAnAgent_Silent_IsTriedAgainWhileAttemptsAreLeft(string step)
    {
        var facts = With(Agent(secondsSilent: 60));
        Assert.Contains(step, Assert.IsType<Decision.Again>(Next(At(step), facts)).Cause, StringComparison.Ordinal);
        Assert.Contains("attempt 3 of 3", Assert.IsType<Decision.Fail>(Next(At(step) with { Attempt = 3 }, facts)).Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Steps.WaitForAgent)]
    [InlineData(Steps.Inspect)]
    public void WaitBeforeTheWrite_BeyondItsLimit_IsTriedAgainThenFailsNamingWhat(string step)
    {
        var agent = step == Steps.Inspect ? Agent(inventory: false) : null;
        var job = At(step) with { StepStarted = Now - TimeSpan.FromDays(1) };
        Assert.IsType<Decision.Again>(Next(job, With(agent)));
        Assert.StartsWith("Waited", Assert.IsType<Decision.Fail>(Next(job with { Attempt = 3 }, With(agent))).Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OrderSteps.WriteImage)]
    [InlineData(OrderSteps.SetBootDisk)]
    [InlineData(OrderSteps.Reboot)]
    public void OrderedStep_BeyondItsLimitThoughTheAgentLives_Fails(string step) =>
        Assert.StartsWith("Waited", Assert.IsType<Decision.Fail>(Next(At(step) with { StepStarted = Now - TimeSpan.FromDays(1) }, With(Agent()))).Cause, StringComparison.Ordinal);

    [Theory]
    [InlineData(OrderSteps.WriteImage, JobKind.Deploy)]
    [InlineData(OrderSteps.Erase, JobKind.Clean)]
    public void StepWithProgress_ThatComesOn_LastsAsLongAsItTakes(string step, JobKind kind)
    {
        var listening = With(Agent()) with { WatchingSince = Now - TimeSpan.FromDays(9) };
        var job = At(step, kind) with { StepStarted = Now - TimeSpan.FromDays(8), Progressed = Now - AMinute };

        Assert.IsType<Decision.Wait>(Next(job, listening));

        var cause = Assert.IsType<Decision.Fail>(Next(job with { Progressed = Now - Limits.Stalled }, listening)).Cause;
        Assert.Contains("has not come on for 60 min (limits.stalled)", cause, StringComparison.Ordinal);
        // What it told while nobody listened, nobody knows.
        Assert.IsType<Decision.Wait>(Next(job with { Progressed = Now - Limits.Stalled }, listening with { WatchingSince = Now - AMinute }));
    }

    [Fact]
    public void Erasure_OfADiskThatTellsNothing_MayStandStillUntilItsTimeIsOver()
    {
        var listening = With(Agent()) with { WatchingSince = Now - TimeSpan.FromDays(9) };
        var job = At(OrderSteps.Erase, JobKind.Clean) with { StepStarted = Now - TimeSpan.FromDays(1), SilentUntil = Now + AMinute };

        Assert.IsType<Decision.Wait>(Next(job, listening));

        var cause = Assert.IsType<Decision.Fail>(Next(job with { SilentUntil = Now }, listening)).Cause;
        Assert.Contains("A disk that erases itself has taken longer than it said (limits.selfErase at most)", cause, StringComparison.Ordinal);
    }

    [Fact]
    public void SilenceOfAConductorThatJustStarted_IsNotTheAgents()
    {
        var facts = With(Agent(secondsSilent: 3600)) with { WatchingSince = Now - TimeSpan.FromSeconds(10) };
        Assert.Equal(Now + TimeSpan.FromSeconds(50), Assert.IsType<Decision.Wait>(Next(At(OrderSteps.WriteImage), facts)).Until);
    }

    [Fact]
    public void WriteImage_Done_GoesToTheNextStepThatIsNotDone()
    {
        Advances(OrderSteps.SetBootDisk, Next(At(OrderSteps.WriteImage), With(Agent(), null, (OrderSteps.WriteImage, StepOutcome.Done))));
        Advances(OrderSteps.Reboot, Next(At(OrderSteps.WriteImage), With(Agent(), null, (OrderSteps.WriteImage, StepOutcome.Done), (OrderSteps.SetBootDisk, StepOutcome.Done))));
    }

    [Theory]
    [InlineData(OrderSteps.WriteImage)]
    [InlineData(OrderSteps.SetBootDisk)]
    [InlineData(OrderSteps.Reboot)]
    public void OrderedStep_ReportedFailed_FailsWithItsCause(string step) => Assert.Equal(new Decision.Fail(Steps.FailureOf(step), "the disk broke"), Next(At(step), With(Agent(), null, (step, StepOutcome.Failed))));

    [Fact]
    public void OrderedStep_AgentThatKeepsRestarting_Fails() => Assert.IsType<Decision.Fail>(Next(At(OrderSteps.WriteImage) with { OrderAttempt = 11 }, With(Agent())));

    [Fact]
    public void OrderedStep_TrustWithdrawn_Fails() => Assert.Equal(new Decision.Fail(FailureCodes.TrustWithdrawn, "revoked"), Next(At(OrderSteps.WriteImage) with { Trouble = "revoked", TroubleCode = FailureCodes.TrustWithdrawn }, With(Agent())));

    [Theory]
    [InlineData(StepOutcome.Started)]
    [InlineData(StepOutcome.Done)]
    public void Reboot_BegunOrDone_WaitsForTheSystem(StepOutcome outcome) => Advances(Steps.WaitForSystem, Next(At(OrderSteps.Reboot), With(Agent(), null, (OrderSteps.Reboot, outcome))));

    [Fact]
    public void NewAttempt_AfterTheImageWasWritten_NeverOrdersItAgain()
    {
        (string, StepOutcome)[] written = [(OrderSteps.WriteImage, StepOutcome.Done)];
        Advances(OrderSteps.SetBootDisk, Next(At(Steps.WaitForAgent) with { Attempt = 2 }, With(Agent(), null, written)));
        Advances(OrderSteps.SetBootDisk, Next(At(Steps.Inspect) with { Attempt = 2 }, With(Agent(), null, written)));
    }

    [Fact]
    public void WaitForSystem_SystemSeenAfterTheReboot_Finishes() =>
        Assert.IsType<Decision.Finish>(Next(At(Steps.WaitForSystem), With(null, Now, (OrderSteps.Reboot, StepOutcome.Started))));

    [Fact]
    public void WaitForSystem_SystemSeenBeforeTheReboot_WaitsOn() =>
        Assert.IsType<Decision.Wait>(Next(At(Steps.WaitForSystem), With(null, Now - AMinute, (OrderSteps.Reboot, StepOutcome.Started))));

    [Fact]
    public void WaitForSystem_BeyondItsLimit_FailsAndSaysWhereToLook() =>
        Assert.Contains("console", Assert.IsType<Decision.Fail>(Next(At(Steps.WaitForSystem) with { StepStarted = Now - Limits.SystemBoot }, With(null, null, (OrderSteps.Reboot, StepOutcome.Done)))).Cause, StringComparison.Ordinal);

    [Fact]
    public void WaitForSystem_PhonedHomeAndNeverSeen_Finishes() =>
        Assert.IsType<Decision.Finish>(Next(At(Steps.WaitForSystem), With(null, null, (OrderSteps.Reboot, StepOutcome.Started)) with { PhonedHome = Now }));

    [Fact]
    public void WaitForSystem_SeenButMustPhoneHome_WaitsAndFailsSayingThatItRuns()
    {
        var job = At(Steps.WaitForSystem) with { Spec = new DeployNode("x", WaitFor: BootSign.PhoneHome) };
        var seen = With(null, Now, (OrderSteps.Reboot, StepOutcome.Started));
        Assert.Equal("the installed system to phone home", Assert.IsType<Decision.Wait>(Next(job, seen)).For);
        Assert.Contains("It was seen on the network", Assert.IsType<Decision.Fail>(Next(job with { StepStarted = Now - Limits.SystemBoot }, seen)).Cause, StringComparison.Ordinal);
        Assert.Contains("console", Assert.IsType<Decision.Fail>(Next(job with { StepStarted = Now - Limits.SystemBoot }, With())).Cause, StringComparison.Ordinal);
        Assert.IsType<Decision.Finish>(Next(job, seen with { PhonedHome = Now }));
    }

    [Fact]
    public void WaitForSystem_RebootReportedFailed_Fails() => Assert.IsType<Decision.Fail>(Next(At(Steps.WaitForSystem), With(Agent(), null, (OrderSteps.Reboot, StepOutcome.Failed))));

    public static TheoryData<string> EveryStep() => [Steps.Begin, Steps.BootFromNetwork, Steps.WaitForAgent, Steps.Inspect, Steps.Prepare, .. Steps.Ordered(JobKind.Deploy), .. Steps.Ordered(JobKind.Clean), OrderSteps.Rescue, Steps.WaitForSystem, Steps.WaitForRunner];

    [Theory]
    [MemberData(nameof(EveryStep))]
    public void EveryStep_AbortAsked_Aborts(string step) => Assert.IsType<Decision.Abort>(Next(At(step) with { AbortRequested = true }, With(Agent())));

    /// <summary>Whatever is known, a job has something to wait for with an end, or something to do: it never hangs.</summary>
    [Theory]
    [MemberData(nameof(EveryStep))]
    public void EveryStep_InEverySituation_EndsOrWaitsForAMomentToCome(string step)
    {
        AgentFacts?[] agents = [null, Agent(), Agent(inventory: false), Agent(secondsSilent: 60), Agent(secondsSilent: 59.9)];
        DateTimeOffset?[] seen = [null, Now - AMinute, Now];
        StepOutcome?[] outcomes = [null, .. Enum.GetValues<StepOutcome>().Select(outcome => (StepOutcome?)outcome)];
        TimeSpan[] ages = [TimeSpan.Zero, AMinute, TimeSpan.FromDays(1)];
        var checkedSituations = 0;
        foreach (var kind in Enum.GetValues<JobKind>())
            foreach (var agent in agents)
                foreach (var system in seen)
                    foreach (var outcome in outcomes)
                        foreach (var age in ages)
                            foreach (var acted in new[] { false, true })
                                foreach (var trouble in new[] { null, "trouble" })
                                    foreach (var attempt in new[] { 1, 3 })
                                    {
                                        if (step != Steps.Begin && !Steps.StillToCome(kind, Steps.Begin).Contains(step))
                                            continue;
                                        var job = At(step, kind) with { StepStarted = Now - age, Acted = acted, Trouble = trouble, RetryAt = acted ? Now : null, Attempt = attempt };
                                        var decision = Next(job, outcome is { } told ? With(agent, system, (step, told)) : With(agent, system));
                                        if (decision is Decision.Wait wait)
                                            Assert.True(wait.Until > Now, $"{job} with {agent} waits for a moment that has passed");
                                        if (decision is Decision.Again)
                                            Assert.True(attempt < Limits.Attempts);
                                        if (decision is Decision.Advance advance)
                                            Assert.NotEqual(step, advance.Step);
                                        checkedSituations++;
                                    }
        Assert.True(checkedSituations > 700);
    }
}
