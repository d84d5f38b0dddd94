using Baremetal.Api;
using Baremetal.Conductor.Settings;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// What a job does next, as a function of what is known. It is asked at every tick, after a restart like after an agent's call: nothing
/// follows from what was asked before, so there is nothing to recover.
/// <code>
/// inspect:  boot-from-network ─► wait-for-agent ─► inspect
/// deploy:   boot-from-network ─► wait-for-agent ─► inspect ─► prepare ─► write-image ─► set-boot-disk ─► reboot ─► wait-for-system
///                   ▲                                 │         │            │               │             │
///                   └──────────── again, while attempts are left, when the agent falls silent ─────────────┘
///           and with the role runner: ─► wait-for-runner
/// clean:    boot-from-network ─► wait-for-agent ─► inspect ─► prepare ─► erase
/// rescue:   boot-from-network ─► wait-for-agent ─► rescue ─► reboot
/// </code>
/// A step that is over before it begins is passed over: a deploy to a node whose agent waits begins at <c>prepare</c>, and a step that an
/// agent once reported done is never ordered again.
/// </summary>
public static class Steps
{
    public const string Begin = "begin";
    public const string BootFromNetwork = "boot-from-network";
    public const string WaitForAgent = "wait-for-agent";
    public const string Inspect = "inspect";
    public const string Prepare = "prepare";
    public const string WaitForSystem = "wait-for-system";
    public const string WaitForRunner = "wait-for-runner";

    private static readonly string[] InspectPlan = [BootFromNetwork, WaitForAgent, Inspect];
    private static readonly string[] DeployOrder = [OrderSteps.WriteImage, OrderSteps.RemoveConfigDrives, OrderSteps.SetBootDisk, OrderSteps.Reboot];
    private static readonly string[] DeployPlan = [BootFromNetwork, WaitForAgent, Inspect, Prepare, .. DeployOrder, WaitForSystem, WaitForRunner];
    private static readonly string[] CleanOrder = [OrderSteps.Erase];
    private static readonly string[] CleanPlan = [BootFromNetwork, WaitForAgent, Inspect, Prepare, .. CleanOrder];

    private static readonly string[] RescueOrder = [OrderSteps.Rescue, OrderSteps.Reboot];
    private static readonly string[] RescuePlan = [BootFromNetwork, WaitForAgent, .. RescueOrder];

    private static readonly Dictionary<string, Func<Situation, Decision>> Table = new(StringComparer.Ordinal)
    {
        [Begin] = now => now.Advance(),
        [BootFromNetwork] = now => now.AgentIsHere || now.Job.Acted ? now.Advance() : now.Act(Effect.BootFromNetwork, now.Limits.Power),
        [WaitForAgent] = now => now.AgentIsHere ? now.Advance()
            : now.Job.Note is { } note ? now.WaitOrTryAgain(now.Limits.ByHand, note, FailureCodes.AgentMissing)
            : now.WaitOrTryAgain(now.Limits.AgentBoot, "the agent to boot and enrol", FailureCodes.AgentMissing),
        [Inspect] = now => now.AgentIsLost ? now.TryAgain(FailureCodes.AgentSilent, now.Silence)
            : now.Facts.Agent?.Twin is { } twin ? new Decision.Fail(FailureCodes.SameMachine, twin)
            : now.InventoryIsHere ? now.Advance()
            : now.WaitOrTryAgain(now.Limits.Inventory, "the agent's inventory", FailureCodes.InventoryMissing),
        [Prepare] = now => now.Job.Acted ? now.Advance()
            : now.AgentIsLost ? now.TryAgain(FailureCodes.AgentSilent, now.Silence)
            : now.Act(now.Job.Kind == JobKind.Clean ? Effect.PrepareCleaning : Effect.Prepare, now.Limits.ShortStep),
        [OrderSteps.WriteImage] = now => now.WatchAgent(now.ProgressBefore, "the agent to write and verify the image"),
        [OrderSteps.Erase] = now => now.WatchAgent(now.ProgressBefore, "the agent to erase the disks"),
        [OrderSteps.Rescue] = now => now.WatchAgent(now.EndAfter(TimeSpan.FromSeconds(now.Job.Rescue!.Seconds)), "the rescue to end"),
        [OrderSteps.RemoveConfigDrives] = now => now.WatchAgent(now.EndBefore, "the agent to remove old config drives"),
        [OrderSteps.SetBootDisk] = now => now.WatchAgent(now.EndBefore, "the agent to make the disk the next boot device"),
        [OrderSteps.Reboot] = now => now.WatchAgent(now.EndBefore, "the agent to restart the machine"),
        [WaitForSystem] = now => now.RebootFailure is { } failure ? failure
            : now.SystemIsUp ? now.Advance()
            : now.OrderTrouble is { } trouble ? trouble
            : now.MustPhoneHome ? now.WaitOrFail(now.Limits.SystemBoot, "the installed system to phone home", FailureCodes.SystemSilent, now.IsSeen
                ? "It was seen on the network, so that it runs: its image may have no cloud-init, or the user data a phone_home of its own, or it cannot reach the conductor's plain port. Deployed without '--wait-for phone-home', being seen is enough."
                : "Nor was it seen on the network: look at the machine's console.")
            : now.WaitOrFail(now.Limits.SystemBoot, "the installed system to ask for an address", FailureCodes.SystemNotSeen,
                "Look at the machine's console: it may have booted nothing, or another disk, or its network may be set up without DHCP. The conductor sees it only where its DHCP service is on (dhcp.mode)."),
        [WaitForRunner] = now => now.Facts.Runner switch
        {
            { State: RunnerState.Ready } => now.Advance(),
            { State: RunnerState.Failed } failed => new Decision.Fail(FailureCodes.RunnerFailed, $"The first boot did not make it a runner: {failed.Cause} 'conductor job show --log' has what it said."),
            { } joined => now.WaitOrFail(now.Limits.RunnerSetup, "the runner's preflight to pass", FailureCodes.RunnerFailed, $"It has joined, and is not ready: {joined.Cause}"),
            null => now.WaitOrFail(now.Limits.RunnerSetup, "the installed system to join as a runner", FailureCodes.RunnerMissing,
                "Its cloud-init installs baremetal-vm-runner at the first boot: the image may have none, or the user data forbid what vendors bring. There, /var/log/baremetal-runner-setup.log says how far it came."),
        },
    };

    /// <summary>Those that this job needs of the steps that an agent runs, by order.</summary>
    public static IEnumerable<string> OrderedFor(JobRow job) => Ordered(job.Kind).Where(step => step != OrderSteps.RemoveConfigDrives || job.RemovesConfigDrives);

    /// <summary>The steps of a kind of job that an agent runs, by order.</summary>
    public static IReadOnlyList<string> Ordered(JobKind kind) => kind switch
    {
        JobKind.Deploy => DeployOrder,
        JobKind.Clean => CleanOrder,
        JobKind.Rescue => RescueOrder,
        _ => [],
    };

    /// <summary>What it means that an agent failed at one of its steps, where the agent says no more.</summary>
    public static string FailureOf(string ordered) => ordered switch
    {
        OrderSteps.WriteImage => FailureCodes.DiskFailed,
        OrderSteps.RemoveConfigDrives => FailureCodes.ConfigDriveLeft,
        OrderSteps.SetBootDisk => FailureCodes.BootEntryFailed,
        OrderSteps.Reboot => FailureCodes.RebootFailed,
        OrderSteps.Erase => FailureCodes.NotErased,
        OrderSteps.Rescue => FailureCodes.RescueFailed,
        _ => throw new ArgumentOutOfRangeException(nameof(ordered), ordered, "no agent is ordered to do that"),
    };

    /// <summary>While one of these lasts, the node is netbooted and given a token; in all others it boots from its disk.</summary>
    public static bool WantsAgentBooted(string step) => step is BootFromNetwork or WaitForAgent;

    /// <summary>While one of these lasts, an agent that asks gets an order.</summary>
    public static bool HasOrder(JobRow job) => job.Step is WaitForSystem || Ordered(job.Kind).Contains(job.Step);

    public static Decision Next(JobRow job, Facts facts, LimitSettings limits, DateTimeOffset now) =>
        job.AbortRequested ? new Decision.Abort() : Table[job.Step](new Situation(job, facts, limits, now));

    /// <summary>The steps after this one; some may be over before they begin.</summary>
    public static IEnumerable<string> StillToCome(JobKind kind, string step)
    {
        var plan = kind switch
        {
            JobKind.Inspect => InspectPlan,
            JobKind.Clean => CleanPlan,
            JobKind.Rescue => RescuePlan,
            _ => DeployPlan,
        };
        return plan.Skip(Array.IndexOf(plan, step) + 1);
    }

    internal static string? After(Situation now) => StillToCome(now.Job.Kind, now.Job.Step).FirstOrDefault(step => !IsOver(step, now));

    private static bool IsOver(string step, Situation now) => step switch
    {
        BootFromNetwork or WaitForAgent => now.AgentIsHere,
        Inspect => now.InventoryIsHere,
        Prepare => now.IsDone(Ordered(now.Job.Kind)[0]),
        WaitForSystem => false,
        WaitForRunner => !now.Job.MakesRunner,
        OrderSteps.RemoveConfigDrives => !now.Job.RemovesConfigDrives || now.IsDone(step),
        _ => now.IsDone(step),
    };
}
