namespace Baremetal.Api;

/// <summary>
/// Why a job failed, in words that stay as they are: programs decide by them, people read the cause beside it. <c>docs/operating.md</c> says what to do for each.
/// </summary>
public static class FailureCodes
{
    /// <summary>The power controller refuses for good: the password, the certificate, what is asked.</summary>
    public const string PowerRefused = "power-refused";

    /// <summary>The power controller does not answer, or takes an order and does nothing.</summary>
    public const string PowerFailed = "power-failed";

    /// <summary>The machine was started from the network, and no agent came.</summary>
    public const string AgentMissing = "agent-missing";

    /// <summary>An agent was there, and is not heard of any more.</summary>
    public const string AgentSilent = "agent-silent";

    /// <summary>An agent is there, and does not tell what its machine has.</summary>
    public const string InventoryMissing = "inventory-missing";

    /// <summary>The machine is another node already.</summary>
    public const string SameMachine = "same-machine";

    /// <summary>With what is known now the job cannot be done: the disk, the image or the trust document do not allow it.</summary>
    public const string PlanRefused = "plan-refused";

    /// <summary>The config drive could not be built.</summary>
    public const string ConfigDriveFailed = "config-drive-failed";

    /// <summary>The conductor itself failed.</summary>
    public const string ConductorFailed = "conductor-failed";

    /// <summary>The trust document or the image's signature, good when the job began, is not any more.</summary>
    public const string TrustWithdrawn = "trust-withdrawn";

    /// <summary>The agent lives, and takes no order.</summary>
    public const string OrderNotTaken = "order-not-taken";

    /// <summary>The agent does not obey the order: it is not signed as the boot script's trust document demands, or not for it.</summary>
    public const string OrderRefused = "order-refused";

    /// <summary>The agent ends by itself, again and again.</summary>
    public const string AgentRestarting = "agent-restarting";

    /// <summary>The step does not come on, though its agent answers.</summary>
    public const string Stalled = "stalled";

    /// <summary>The step lasts longer than it may, though its agent answers.</summary>
    public const string Overdue = "overdue";

    /// <summary>The disk that is meant is not there any more, or is in use or read-only.</summary>
    public const string DiskMissing = "disk-missing";

    /// <summary>The disk does not take or keep what is written.</summary>
    public const string DiskFailed = "disk-failed";

    /// <summary>The image is not what was signed, cannot be read, or does not fit the machine.</summary>
    public const string ImageRefused = "image-refused";

    /// <summary>What the step needs could not be fetched, or no source gave it as it was signed: the image, its manifest, the config drive, the rescue's SSH server.</summary>
    public const string SourceFailed = "source-failed";

    /// <summary>A config drive of an earlier life could not be removed.</summary>
    public const string ConfigDriveLeft = "config-drive-left";

    /// <summary>The firmware could not be told to boot the disk.</summary>
    public const string BootEntryFailed = "boot-entry-failed";

    /// <summary>The machine could not be restarted.</summary>
    public const string RebootFailed = "reboot-failed";

    /// <summary>A disk was not erased whole.</summary>
    public const string NotErased = "not-erased";

    /// <summary>The SSH server of a rescue did not start.</summary>
    public const string RescueFailed = "rescue-failed";

    /// <summary>The agent failed by a fault of its own.</summary>
    public const string AgentFailed = "agent-failed";

    /// <summary>The installed system was not seen.</summary>
    public const string SystemNotSeen = "system-not-seen";

    /// <summary>The installed system did not phone home.</summary>
    public const string SystemSilent = "system-silent";

    /// <summary>The installed system could not be made a runner.</summary>
    public const string RunnerFailed = "runner-failed";

    /// <summary>The installed system was to be a runner, and has not joined, or not with all that VMs need.</summary>
    public const string RunnerMissing = "runner-missing";

    /// <summary>Something happened that an honest machine does not do; the node is held.</summary>
    public const string Alarm = "alarm";

    /// <summary>Those that an agent may tell; the others are the conductor's to say.</summary>
    public static IReadOnlyList<string> OfAgents { get; } = [OrderRefused, DiskMissing, DiskFailed, ImageRefused, SourceFailed, AgentFailed];
}
