using Baremetal.Api;

namespace Baremetal.Conductor.Jobs;

/// <summary>What is known of a job's node, as agents and the network told it.</summary>
/// <param name="WatchingSince">When this conductor began to listen, or could listen again: silence before that is ours, not the agent's.</param>
/// <param name="SystemSeen">When the node last asked for an address as an operating system.</param>
/// <param name="PhonedHome">When the system that this job installed said that it is up.</param>
/// <param name="Runner">The runner that the system became, for a job that makes it one.</param>
/// <param name="Reports">The newest word of an agent on each ordered step; <c>Done</c> is never overtaken.</param>
public sealed record Facts(DateTimeOffset WatchingSince, AgentFacts? Agent, DateTimeOffset? SystemSeen, IReadOnlyDictionary<string, StepFact> Reports, DateTimeOffset? PhonedHome = null, RunnerFacts? Runner = null);

/// <summary>How a runner said that it is, or what its first boot failed by.</summary>
public sealed record RunnerFacts(RunnerState State, string? Cause = null);

/// <summary>The agent of the node's newest boot, unless it is known to have left.</summary>
/// <param name="TakesOrders">Its boot script pinned a trust document.</param>
/// <param name="Twin">Why its inventory was not taken: another node is the same machine.</param>
public sealed record AgentFacts(DateTimeOffset EnrolledAt, DateTimeOffset LastSeen, DateTimeOffset? InventoryAt, bool TakesOrders, string? Twin = null);

/// <param name="At">When it was first told.</param>
/// <param name="Code">One of <see cref="FailureCodes"/>, if the agent knew more than which step failed.</param>
public sealed record StepFact(StepOutcome Outcome, DateTimeOffset At, string? Cause = null, string? Code = null);
