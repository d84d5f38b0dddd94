using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.Conductor.Runners;

/// <summary>A runner as the table has it, with what its VMs were promised.</summary>
public sealed record RunnerRow
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Null for a node that was deployed as a runner and never joined.</summary>
    public Digest? KeySha256 { get; init; }

    public string? Node { get; init; }

    public string? NodeName { get; init; }

    public required string Version { get; init; }

    public DateTimeOffset Joined { get; init; }

    public DateTimeOffset LastSeen { get; init; }

    public string? Address { get; init; }

    /// <summary>Of its orders.</summary>
    public long Revision { get; init; }

    /// <summary>Of the orders that its last report knew; null before the first.</summary>
    public long? ReportedRevision { get; init; }

    /// <summary>As its last report left it: never <see cref="RunnerState.Lost"/>, which no report says.</summary>
    public RunnerState State { get; init; }

    public DateTimeOffset Since { get; init; }

    public string? Cause { get; init; }

    public RunnerCapacity? Capacity { get; init; }

    public PreflightCheck[]? Preflight { get; init; }

    public int Vms { get; init; }

    public int VmProcessors { get; init; }

    /// <summary>With <see cref="CreateVm.OverheadMb"/> for each.</summary>
    public int VmMemoryMb { get; init; }

    internal Runner ToApi(RunnerPresence presence)
    {
        var (state, since, cause) = State != RunnerState.Failed && presence.IsLost(this) ? (RunnerState.Lost, LastSeen, $"It has said nothing since {LastSeen.UtcDateTime:u}.") : (State, Since, Cause);
        return new Runner(Id, Name, state, since, cause, NodeName, Address, Version, Joined, LastSeen, Capacity, new RunnerUse(Vms, VmProcessors, VmMemoryMb), Preflight ?? []);
    }
}
