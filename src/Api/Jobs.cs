using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Api;

public enum JobKind
{
    Inspect,
    Deploy,
    Clean,
    Rescue,
}

public enum JobOutcome
{
    Done,
    Failed,
    Aborted,
}

/// <summary>How a job is, to those who look for some among many: it runs, or it came to an outcome.</summary>
public enum JobState
{
    Running,
    Done,
    Failed,
    Aborted,
}

/// <summary>
/// One piece of work on one node. <paramref name="Step"/> says what it does now, <paramref name="WaitingFor"/> what it waits for there;
/// <paramref name="Outcome"/> and <paramref name="Finished"/> stay null while it runs.
/// </summary>
public sealed record Job(
    string Id,
    string Node,
    string NodeName,
    JobKind Kind,
    string Step,
    int Attempt,
    DateTimeOffset Created,
    DateTimeOffset StepStarted,
    string? WaitingFor,
    JobOutcome? Outcome,
    string? Cause,
    DateTimeOffset? Finished,
    JobStep[] Steps,
    Deployment? Deployment,
    WriteResult? Result,
    Cleaning? Cleaning = null,
    RescueSession? Rescue = null,
    [property: Description("Why it failed, as a word that programs can decide by: docs/operating.md has them all. Not for a job that an operator aborted.")]
    string? FailureCode = null,
    [property: Description("It was not started: this is what it would be. It has no id.")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    bool DryRun = false);

/// <summary>One step that has begun; a step that was tried again is listed once for each attempt.</summary>
public sealed record JobStep(string Name, int Attempt, DateTimeOffset Started, DateTimeOffset? Ended, string? Cause);

/// <summary>
/// <c>POST /v1/nodes/{node}/deployments</c>: <paramref name="Image"/> is <c>NAME</c> or <c>NAME:VERSION</c>; <paramref name="NetworkData"/> is OpenStack's
/// <c>network_data.json</c>, handed to the installed system as it is; <paramref name="SwapBytes"/>, whole MiB, is of a swap partition, for a partition image.
/// <paramref name="RemoveConfigDrives"/> are disks whose config drives, of an earlier life, are removed.
/// With <paramref name="Template"/> the user data is a template, filled with what is known of the node and with these variables. With <paramref name="Kexec"/>
/// the ramdisk's kernel starts the installed one, of a partition image, and the firmware is passed over. With <paramref name="Role"/> the installed
/// system becomes more than a system: the deploy ends when it is.
/// </summary>
public sealed record DeployNode(
    string Image,
    RootDeviceHints? RootDevice = null,
    string? Hostname = null,
    string[]? SshKeys = null,
    string? UserData = null,
    bool DryRun = false,
    BootSign? WaitFor = null,
    JsonElement? NetworkData = null,
    long? SwapBytes = null,
    RootDeviceHints[]? RemoveConfigDrives = null,
    IReadOnlyDictionary<string, string>? Template = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Kexec = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] NodeRole Role = NodeRole.None);

/// <summary>What a deployed node is made into.</summary>
public enum NodeRole
{
    /// <summary>What its image and user data make of it.</summary>
    None,

    /// <summary>A KVM host that runs VMs for this conductor: it installs <c>vm-runner</c> at its first boot, and joins.</summary>
    Runner,
}

/// <summary>What ends a deploy well: which sign of the installed system.</summary>
public enum BootSign
{
    /// <summary>It asks for an address as an operating system does, or it phones home.</summary>
    Network,

    /// <summary>It phones home, which needs cloud-init in the image.</summary>
    PhoneHome,
}

/// <summary>
/// Which disk to write, by what the inventory says of it. All that are given must hold, for exactly one disk. <paramref name="Bus"/> is how the
/// disk is attached: <c>nvme</c>, <c>sata</c>, <c>sas</c>, <c>fc</c>, <c>iscsi</c>,
/// <c>scsi</c>, <c>virtio</c>, <c>usb</c> or <c>mmc</c>.
/// </summary>
public sealed record RootDeviceHints(
    string? Serial = null,
    string? Wwn = null,
    string? Model = null,
    string? ByPath = null,
    string? Name = null,
    long? SizeBytes = null,
    long? MinSizeBytes = null,
    long? MaxSizeBytes = null,
    bool? Rotational = null,
    string? Bus = null)
{
    private static readonly RootDeviceHints None = new();

    [System.Text.Json.Serialization.JsonIgnore]
    public bool Any => this != None;
}

/// <summary>How thoroughly a disk is erased.</summary>
public enum CleanDepth
{
    /// <summary>The ends of the disk and of each partition, by which content is recognised; the data between stay.</summary>
    Metadata,

    /// <summary>The disk is told that it holds nothing any more: seconds on an SSD. What is still read afterwards is not counted as erased.</summary>
    Discard,

    /// <summary>All that can be addressed is zeroed.</summary>
    Zero,

    /// <summary>The disk erases itself, what it has put aside included, by a command of its own; a disk that has none is not erased.</summary>
    Secure,
}

/// <summary>
/// <c>POST /v1/nodes/{node}/clean</c> and <c>…/release</c>: erases the disk that <paramref name="Disk"/> means, or all that can be written if it
/// is left out. A disk that is not erased whole by <paramref name="Depth"/> is erased by the first of <paramref name="Fallback"/> that does.
/// </summary>
public sealed record CleanNode(CleanDepth Depth = CleanDepth.Metadata, RootDeviceHints? Disk = null, CleanDepth[]? Fallback = null);

/// <summary>What a cleaning was asked to do, and once it is done what became of each disk.</summary>
public sealed record Cleaning(CleanDepth Depth, string[]? Disks, ErasedDisk[]? Report, CleanDepth[]? Fallback = null);

/// <summary>
/// What became of a disk: <paramref name="FailedBytes"/> could not be erased, or were not read as zeros afterwards, which
/// <paramref name="Samples"/> of 4096 bytes were tried on. <paramref name="Failure"/> says why it is not erased whole; null if it is.
/// <paramref name="Method"/> is what erased it: a depth, or the command by which it erased itself, such as <c>nvme-format-user-data</c>;
/// <paramref name="FellBack"/> says why the depths before that one did not.
/// </summary>
public sealed record ErasedDisk(
    string Name, string? Serial, long SizeBytes, long ErasedBytes, long FailedBytes, int Samples, string? Failure = null, string? Wwn = null, string? ByPath = null,
    string? Method = null, string? FellBack = null);

/// <summary><c>POST /v1/nodes/{node}/rescue</c>: who may log in as root, and for how long at most.</summary>
public sealed record RescueNode(string[] SshKeys, int Seconds = RescueNode.UsualSeconds)
{
    /// <summary>Half a working day: long enough to mend a boot loader, and to forget it.</summary>
    public const int UsualSeconds = 4 * 3600;
}

/// <summary>A rescue, and the key of its SSH server once that runs.</summary>
public sealed record RescueSession(int Seconds, SshHostKey? HostKey);

/// <summary>What a deploy job was asked to do, without its user data; <paramref name="Layout"/> is told by a dry run of a partition image, in the order of the disk, <paramref name="UserData"/> by that of a template, as it would be.</summary>
public sealed record Deployment(
    string Image, string ManifestSha256, string? Hostname, string? TargetDisk, long DiskBytes, long SourceBytes, PlannedPartition[]? Layout = null, StaleConfigDrive[]? StaleConfigDrives = null,
    string? UserData = null);

/// <summary>A part of the disk, in bytes.</summary>
public sealed record PlannedPartition(string Name, long Offset, long Bytes);

/// <summary>A disk that is not written and has a config drive of an earlier life, which cloud-init may read unless it is <paramref name="Removed"/>.</summary>
public sealed record StaleConfigDrive(Disk Disk, bool Removed);

/// <summary>
/// What a write cost, as the agent measured it. <paramref name="DroppedSources"/> says which sources were given up, and why, one sentence each,
/// also when the others did it; null if nobody said.
/// </summary>
public sealed record WriteResult(
    long WireBytes, long WrittenBytes, long ZeroedBytes, long ReusedBytes, double Seconds, long PeakMemoryBytes, string[]? DroppedSources = null);

/// <summary><c>GET /v1/jobs/{job}/log</c>: what the agents of a job told of its failure, for each boot, the oldest first.</summary>
public sealed record JobLog(string Job, BootLog[] Boots);

/// <summary>From one boot of the node: its disks, then what the agent and the kernel said. Lines end with a line feed; nothing in them steers a terminal.</summary>
public sealed record BootLog(string BootId, DateTimeOffset At, string Text);
