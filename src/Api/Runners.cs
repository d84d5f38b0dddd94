namespace Baremetal.Api;

/// <summary>Where a runner stands.</summary>
public enum RunnerState
{
    /// <summary>It answers, and all that VMs need is there.</summary>
    Ready,

    /// <summary>It answers, and lacks something: its preflight says what. VMs that run go on; none is created.</summary>
    NotReady,

    /// <summary>It has said nothing for a while. Its VMs may run on.</summary>
    Lost,

    /// <summary>A node was deployed as a runner, and its first boot did not make it one: its job has the log.</summary>
    Failed,
}

/// <summary>
/// A runner: a machine with KVM that runs VMs as containers. <paramref name="Node"/> is the node that it was deployed as, null where it joined by hand.
/// <paramref name="Capacity"/> is null until it first reported; <paramref name="Used"/> is what its VMs were promised, running or not.
/// </summary>
public sealed record Runner(
    string Id,
    string Name,
    RunnerState State,
    DateTimeOffset Since,
    string? Cause,
    string? Node,
    string? Address,
    string Version,
    DateTimeOffset JoinedAt,
    DateTimeOffset LastSeen,
    RunnerCapacity? Capacity,
    RunnerUse Used,
    PreflightCheck[] Preflight);

/// <summary>What a runner has for VMs, less what it keeps for itself.</summary>
/// <param name="Accelerator"><c>kvm</c>, or <c>tcg</c>: processors are emulated, and VMs are slow.</param>
/// <param name="Engine">Which container engine, with its version.</param>
/// <param name="Networks">Those of the engine that a VM can be put on.</param>
public sealed record RunnerCapacity(int Processors, int MemoryMb, long DiskBytes, long DiskFreeBytes, string Accelerator, string Engine, string[] Networks);

/// <summary>What a runner's VMs were promised; in the memory is <see cref="CreateVm.OverheadMb"/> for each.</summary>
public sealed record RunnerUse(int Vms, int Processors, int MemoryMb);

/// <summary>One thing that a runner needs, and whether it has it.</summary>
/// <param name="Name">Such as <c>kvm</c>, <c>tun</c>, <c>engine</c>, <c>network</c>, <c>memory</c>, <c>disk</c>.</param>
/// <param name="Passed">False keeps VMs from being created.</param>
/// <param name="Finding">What was found, as a sentence.</param>
/// <param name="Remedy">What to do, where something is to be done.</param>
public sealed record PreflightCheck(string Name, bool Passed, string Finding, string? Remedy = null);

/// <summary><c>POST /v1/runner-tokens</c>: a token that lets one machine join as a runner.</summary>
/// <param name="Name">What the runner shall be called; its host name if not given.</param>
/// <param name="Seconds">How long the token is good.</param>
/// <param name="Rejoin">The runner of that name joins again: it keeps its VMs and gets a new key, and the one that it had is good for nothing from then on.</param>
public sealed record NewRunnerToken(string? Name = null, int Seconds = NewRunnerToken.UsualSeconds, bool Rejoin = false)
{
    /// <summary>An hour: enough to walk to a machine and type.</summary>
    public const int UsualSeconds = 60 * 60;

    public const int MostSeconds = 7 * 24 * 60 * 60;
}

/// <summary>The answer: shown once, kept by nobody. <paramref name="CaPin"/> is what the joining machine holds the conductor's CA certificate against.</summary>
public sealed record RunnerToken(string Token, string? Name, DateTimeOffset Expires, string CaPin);
