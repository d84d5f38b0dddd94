using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>A job as the table has it.</summary>
public sealed record JobRow
{
    public required string Id { get; init; }

    public required string Node { get; init; }

    public JobKind Kind { get; init; }

    /// <summary>The node's state before the job.</summary>
    public NodeState Origin { get; init; }

    public DateTimeOffset Created { get; init; }

    public string? IdempotencyKey { get; init; }

    /// <summary>Of the call that brought the key.</summary>
    public Digest? RequestSha256 { get; init; }

    /// <summary>What a deploy was asked to do; its user data lies sealed beside it, and only until the job ends.</summary>
    public DeployNode? Spec { get; init; }

    public byte[]? UserData { get; init; }

    /// <summary>What a cleaning was asked to do.</summary>
    public CleanNode? Clean { get; init; }

    /// <summary>Who is let in by a rescue, and for how long.</summary>
    public RescueNode? Rescue { get; init; }

    /// <summary>Of the SSH server of a rescue, as it told it.</summary>
    public string? HostKey { get; init; }

    /// <summary>An operator has ended the rescue.</summary>
    public bool EndRequested { get; init; }

    /// <summary>Of the disks that a deploy does not write, as they were when it was prepared.</summary>
    public StaleConfigDrive[]? StaleConfigDrives { get; init; }

    public bool MakesRunner => Spec?.Role == NodeRole.Runner;

    public bool RemovesConfigDrives => Array.Exists(StaleConfigDrives ?? [], drive => drive.Removed);

    public string? Image { get; init; }

    public Digest? ManifestSha256 { get; init; }

    public long? DiskBytes { get; init; }

    public long? SourceBytes { get; init; }

    /// <summary>The node's disk was written before: what is right on it already need not be written again.</summary>
    public bool Redeploy { get; init; }

    public required string Step { get; init; }

    public DateTimeOffset StepStarted { get; init; }

    /// <summary>When the step last came on, nearly; null before it did.</summary>
    public DateTimeOffset? Progressed { get; init; }

    /// <summary>Until when the step need not come on: a disk erases itself, and does not say how far it is.</summary>
    public DateTimeOffset? SilentUntil { get; init; }

    /// <summary>How many times the node was netbooted for this job.</summary>
    public int Attempt { get; init; }

    /// <summary>The step's effect was had, and its result is here.</summary>
    public bool Acted { get; init; }

    public int Tries { get; init; }

    /// <summary>Why the step's effect was not had. Without <see cref="RetryAt"/> there is no use in trying again.</summary>
    public string? Trouble { get; init; }

    /// <summary>Of the trouble: one of <see cref="FailureCodes"/>.</summary>
    public string? TroubleCode { get; init; }

    public DateTimeOffset? RetryAt { get; init; }

    /// <summary>What is left for an operator to do by hand.</summary>
    public string? Note { get; init; }

    public string? WaitingFor { get; init; }

    public Disk? Target { get; init; }

    /// <summary>The disks of a cleaning.</summary>
    public Disk[]? Targets { get; init; }

    public ErasedDisk[]? Erased { get; init; }

    public Digest? ConfigDriveSha256 { get; init; }

    /// <summary>Of the token by which the installed system phones home; null without a config drive.</summary>
    public Digest? PhoneSha256 { get; init; }

    public DateTimeOffset? PhonedAt { get; init; }

    /// <summary>Of the agent's start that took the newest order.</summary>
    public string? AgentNonce { get; init; }

    /// <summary>How many orders agents took: one for each nonce.</summary>
    public int OrderAttempt { get; init; }

    public bool AbortRequested { get; init; }

    public long Fence { get; init; }

    public JobOutcome? Outcome { get; init; }

    public string? Cause { get; init; }

    /// <summary>Why it failed: one of <see cref="FailureCodes"/>.</summary>
    public string? FailureCode { get; init; }

    public DateTimeOffset? Finished { get; init; }

    public WriteResult? Result { get; init; }

    public static string UserDataPlace(string id) => $"jobs|user_data|{id}";

    public Job ToApi(string nodeName, JobStep[] steps) => new(
        Id, Node, nodeName, Kind, Step, Attempt, Created, StepStarted,
        Finished is null ? WaitingFor : null,
        Outcome, Cause, Finished, steps,
        Image is null ? null : new Deployment(
            Image, ManifestSha256!.Value.ToString(), Spec?.Hostname, Target?.Name, DiskBytes ?? 0, SourceBytes ?? 0, StaleConfigDrives: StaleConfigDrives is { Length: > 0 } ? StaleConfigDrives : null),
        Result,
        Clean is null ? null : new Cleaning(Clean.Depth, Targets is null ? null : [.. Targets.Select(disk => disk.Name)], Erased, Clean.Fallback),
        Rescue is null ? null : new RescueSession(Rescue.Seconds, HostKey is null ? null : SshPublicKey.TryReadHostKey(HostKey)),
        FailureCode);
}
