using Baremetal.Api;
using Baremetal.Conductor.Settings;

namespace Baremetal.Conductor.Jobs;

/// <summary>One job at one moment, with the questions that the table of steps asks of it.</summary>
internal readonly record struct Situation(JobRow Job, Facts Facts, LimitSettings Limits, DateTimeOffset Now)
{
    /// <summary>
    /// An agent that is alive and of use: for what is ordered one that takes orders; for an inspection one that was booted for it, since only a new boot
    /// sees anew what a machine has. A rescue wants the one that is there: what it has seen is what the operator comes to look at.
    /// </summary>
    public bool AgentIsHere => Facts.Agent is { } agent && Now - agent.LastSeen < Limits.HeartbeatLost
        && (Job.Kind == JobKind.Inspect || agent.TakesOrders) && (Job.Kind != JobKind.Inspect || agent.EnrolledAt >= Job.Created);

    public bool AgentIsLost => Now >= SilentUntil;

    public bool InventoryIsHere => AgentIsHere && Facts.Agent!.InventoryAt is not null;

    public string Silence => $"The agent has not been heard of for {(Now - (Facts.Agent?.LastSeen ?? Job.StepStarted)).TotalSeconds:0} s while the job was at '{Job.Step}': the machine lost power or network, or its agent died. Its console should say more.";

    public bool SystemIsUp => Facts.PhonedHome is not null || Facts.Runner is not null || (!MustPhoneHome && IsSeen);

    public bool MustPhoneHome => Job.Spec?.WaitFor == BootSign.PhoneHome;

    public bool IsSeen => Facts.SystemSeen is { } seen && Facts.Reports.TryGetValue(OrderSteps.Reboot, out var left) && seen > left.At;

    public Decision? RebootFailure => Facts.Reports.TryGetValue(OrderSteps.Reboot, out var report) && report.Outcome == StepOutcome.Failed ? FailureOf(OrderSteps.Reboot, report) : null;

    private DateTimeOffset SilentUntil =>
        (Facts.Agent is not { } agent ? DateTimeOffset.MinValue : agent.LastSeen > Facts.WatchingSince ? agent.LastSeen : Facts.WatchingSince) + Limits.HeartbeatLost;

    public bool IsDone(string step) => Facts.Reports.TryGetValue(step, out var report) && report.Outcome == StepOutcome.Done;

    public Decision Advance() => Steps.After(this) is { } next ? new Decision.Advance(next) : new Decision.Finish();

    /// <summary>Does the step's effect, again and again while its trouble may pass and the limit allows.</summary>
    public Decision Act(Effect effect, TimeSpan limit) =>
        Job.Trouble is not { } trouble ? new Decision.Do(effect)
        : Job.RetryAt is not { } retry ? FailureOf(trouble)
        : Now - Job.StepStarted >= limit ? FailureOf($"{trouble} It was tried {Job.Tries} times in {Words(limit)}.")
        : Now < retry ? new Decision.Wait(retry, $"the next try, after: {trouble}")
        : new Decision.Do(effect);

    public Decision WaitOrTryAgain(TimeSpan limit, string what, string code) =>
        Now - Job.StepStarted < limit ? new Decision.Wait(Job.StepStarted + limit, what)
        : TryAgain(code, $"Waited {Words(limit)} for {what}. Look at the machine's console, at its boot order and network cable, and at the conductor's log for its DHCP and boot requests.");

    public Decision WaitOrFail(TimeSpan limit, string what, string code, string remedy) =>
        Now - Job.StepStarted < limit ? new Decision.Wait(Job.StepStarted + limit, what) : new Decision.Fail(code, $"Waited {Words(limit)} for {what}. {remedy}");

    public Decision TryAgain(string code, string cause) =>
        Job.Attempt < Limits.Attempts ? new Decision.Again(cause) : new Decision.Fail(code, $"{cause} That was attempt {Job.Attempt} of {Limits.Attempts}.");

    /// <summary>For a step that comes on: it may last, as long as it does not stand still. What an agent told while nobody listened is not held against it.</summary>
    public Bound ProgressBefore
    {
        get
        {
            var since = Later(Later(Job.StepStarted, Job.Progressed ?? DateTimeOffset.MinValue), Facts.WatchingSince);
            if (Job.SilentUntil is { } silent && silent > since + Limits.Stalled)
                return new Bound(silent, FailureCodes.Stalled, "A disk that erases itself has taken longer than it said (limits.selfErase at most): look at the machine's console; after a power cycle the erasure goes on, or begins anew.");
            return new Bound(since + Limits.Stalled, FailureCodes.Stalled, $"It answers, but has not come on for {Words(Now - since)} (limits.stalled): look at the machine's console for a disk or a network that stands still.");
        }
    }

    /// <summary>For a step that is too short to come on.</summary>
    public Bound EndBefore => EndAfter(TimeSpan.Zero);

    /// <summary>For a step that lasts as long as it was asked to.</summary>
    public Bound EndAfter(TimeSpan asked) => new(Job.StepStarted + asked + Limits.ShortStep, FailureCodes.Overdue, "It still answers; look at the machine's console.");

    /// <summary>
    /// An ordered step: over when the agent says so, or, for the reboot, when it says that it begins: it may not live to say more. A job that ends with the
    /// reboot must hear all of it, since an order whose job has ended is dropped.
    /// </summary>
    public Decision WatchAgent(Bound bound, string what)
    {
        var report = Facts.Reports.GetValueOrDefault(Job.Step);
        return report switch
        {
            { Outcome: StepOutcome.Done } => Advance(),
            { Outcome: StepOutcome.Started } when Job.Step == OrderSteps.Reboot && Steps.After(this) is not null => Advance(),
            { Outcome: StepOutcome.Failed } => FailureOf(Job.Step, report),
            _ when OrderTrouble is { } trouble => trouble,
            _ when Job.OrderAttempt > Limits.Orders => new Decision.Fail(FailureCodes.AgentRestarting, $"The agent was started {Job.OrderAttempt} times and did not get through '{Job.Step}'. The machine's console should say why it ends."),
            _ when AgentIsLost => TryAgain(FailureCodes.AgentSilent, Silence),
            _ when Job.AgentNonce is null && Now - Job.StepStarted >= Limits.ShortStep => TryAgain(FailureCodes.OrderNotTaken, $"The agent answers, but has taken no order in {Words(Limits.ShortStep)}. The machine's console says why it refuses."),
            _ when Now >= bound.At => new Decision.Fail(bound.Code, $"Waited {Words(Now - Job.StepStarted)} for {what}. {bound.Cause}"),
            _ => new Decision.Wait(Earlier(SilentUntil, Job.AgentNonce is null ? Earlier(bound.At, Job.StepStarted + Limits.ShortStep) : bound.At), what),
        };
    }

    /// <summary>Why the agent gets no order any more.</summary>
    public Decision.Fail? OrderTrouble => Job.Trouble is { } trouble ? FailureOf(trouble) : null;

    // What an older conductor has written down has no code.
    private Decision.Fail FailureOf(string trouble) => new(Job.TroubleCode ?? FailureCodes.ConductorFailed, trouble);

    // An agent that is older, or knows no more than which step failed, gives no code.
    private static Decision.Fail FailureOf(string step, StepFact report) =>
        new(report.Code ?? Steps.FailureOf(step), report.Cause ?? $"The agent reported '{step}' as failed, without a cause.");

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static T Earlier<T>(T a, T b)
        where T : IComparable<T> => a.CompareTo(b) < 0 ? a : b;

    private static string Words(TimeSpan span) => span.TotalMinutes >= 2 ? $"{span.TotalMinutes:0} min" : $"{span.TotalSeconds:0} s";
}

/// <summary>When it is too late for a step, and what to say then.</summary>
internal readonly record struct Bound(DateTimeOffset At, string Code, string Cause);
