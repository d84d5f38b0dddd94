using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Trust;

namespace Baremetal.Conductor.Nodes;

/// <summary>A node as the table has it, with the agent of its newest boot beside it.</summary>
public sealed record NodeRow
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Mac { get; init; }

    public NodeState State { get; init; }

    public DateTimeOffset Since { get; init; }

    public long Revision { get; init; }

    public BootPolicy BootPolicy { get; init; }

    /// <summary>As enrolled, or as the inventory says.</summary>
    public FirmwareMode? Firmware { get; init; }

    public required string PowerDriver { get; init; }

    public string? PowerAddress { get; init; }

    public string? PowerUsername { get; init; }

    public byte[]? PowerPassword { get; init; }

    public string? PowerTlsPin { get; init; }

    /// <summary>As <see cref="Power.SystemClaims"/> names it; null until it is known.</summary>
    public string? PowerSystem { get; init; }

    public Inventory? Inventory { get; init; }

    public string? Address { get; init; }

    /// <summary>When the node last asked for an address as an operating system does, not as firmware or boot loader.</summary>
    public DateTimeOffset? SystemSeen { get; init; }

    public string? Image { get; init; }

    public string? Cause { get; init; }

    public string? IdempotencyKey { get; init; }

    /// <summary>Of the call that brought the key.</summary>
    public Digest? RequestSha256 { get; init; }

    /// <summary>It is neither written to nor removed.</summary>
    public bool Protected { get; init; }

    /// <summary>Why nothing is begun on it.</summary>
    public string? Maintenance { get; init; }

    /// <summary>The DHCP relay that it asked through before it enrolled.</summary>
    public string? Relay { get; init; }

    /// <summary>The port that it came in by there, and who says so: <see cref="Netboot.Sighting.Circuit"/>, <see cref="Netboot.Sighting.Remote"/>.</summary>
    public string? Circuit { get; init; }

    public string? Remote { get; init; }

    /// <summary>As its installed system told them.</summary>
    public SshHostKey[]? SshHostKeys { get; init; }

    /// <summary>Of its ramdisk; null for DHCP on the card that it was booted from.</summary>
    public NodeNetwork? Network { get; init; }

    /// <summary>For its ramdisk's kernel, beside those of the settings.</summary>
    public string? KernelArguments { get; init; }

    public string? CurrentJob { get; init; }

    public JobKind? JobKind { get; init; }

    public string? JobStep { get; init; }

    public DateTimeOffset? JobStepStarted { get; init; }

    public int? JobAttempt { get; init; }

    public string? JobWaitingFor { get; init; }

    public string? BootId { get; init; }

    public string? AgentVersion { get; init; }

    public bool AgentPinned { get; init; }

    public DateTimeOffset? AgentEnrolledAt { get; init; }

    public DateTimeOffset? AgentLastSeen { get; init; }

    public DateTimeOffset? AgentInventoryAt { get; init; }

    public DateTimeOffset? AgentLeftAt { get; init; }

    public string? AgentTwin { get; init; }

    public static string PasswordPlace(string id) => $"nodes|power_password|{id}";

    // What few deploys ask for is not announced with all of them.
    public Node ToApi() => new(
        Id, Name, Mac, State, Since, Revision,
        new PowerSettings(PowerDriver, PowerAddress, PowerUsername, Password: null, PowerTlsPin),
        BootPolicy,
        new TrustGrades("C0", BootId is null ? "N0" : "N1"),
        BootId is null || AgentLeftAt is not null ? null : new AgentPresence(BootId, AgentVersion!, AgentEnrolledAt!.Value, AgentLastSeen!.Value),
        Address, Image, CurrentJob, Cause, Inventory, Protected, Maintenance,
        CurrentJob is null ? null : new NodeWork(CurrentJob, JobKind!.Value, JobStep!, JobStepStarted!.Value, JobAttempt!.Value, JobWaitingFor, [.. Steps.StillToCome(JobKind.Value, JobStep!).Where(step => step is not (OrderSteps.RemoveConfigDrives or Steps.WaitForRunner))]),
        Relay,
        SshHostKeys,
        Network,
        KernelArguments,
        Circuit,
        Remote,
        Firmware);
}
