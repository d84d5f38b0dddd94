using System.ComponentModel;
using System.Text.Json.Serialization;

namespace Baremetal.Api;

/// <summary>
/// Something that happened, as told to those who follow (SSE: <c>id</c> is <paramref name="Seq"/>, <c>event</c> is <paramref name="Kind"/>).
/// Stored events have a sequence number, and a follower resumes after it; progress is not stored and has sequence 0.
/// </summary>
public sealed record Event(
    long Seq,
    string Kind,
    DateTimeOffset At,
    string? Node,
    string? Job,
    string? Step = null,
    string? Text = null,
    Progress? Progress = null);

/// <summary>The kinds of <see cref="Event"/>.</summary>
public static class EventKinds
{
    public const string NodeState = "node.state";
    public const string NodeSeen = "node.seen";
    public const string JobStarted = "job.started";
    public const string StepStarted = "step.started";
    public const string StepEnded = "step.ended";
    public const string JobFinished = "job.finished";
    public const string Progress = "progress";

    /// <summary>An agent tells other hardware than the one before it did.</summary>
    public const string NodeHardware = "node.hardware";

    /// <summary>A machine has joined as a runner, or a runner has joined again.</summary>
    public const string RunnerJoined = "runner.joined";
    public const string RunnerState = "runner.state";
    public const string VmState = "vm.state";

    /// <summary>Something that an honest machine does not do, such as a one-time token presented twice.</summary>
    public const string Alarm = "alarm";
}

/// <summary>
/// How far a write has come: <paramref name="DoneBytes"/> of <paramref name="TotalBytes"/> of the disk are through this
/// <paramref name="Phase"/> (while checking: of the image's tables); <paramref name="WireBytes"/> is what came over the network so far.
/// </summary>
public sealed record Progress(
    long DoneBytes,
    long TotalBytes,
    long WireBytes,
    double BytesPerSecond,
    ProgressPhase? Phase = null,
    [property: Description("Which parts of the disk are done, in its order: up to 64 cells of an equal share each, one letter a cell. "
        + "'.' nothing done, 'Z' zeroed, 'H' there already, 'W' written, 'R' read back; in lower case if only part of the cell is done.")]
    string? Map = null,
    [property: Description("Of several disks at once, how far each of them is; all else is their sum.")]
    DiskProgress[]? Disks = null,
    [property: Description("A disk erases itself and does not say how far it is: it has so many seconds left for that.")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    long SilentSeconds = 0)
{
    /// <summary>More than any machine has.</summary>
    public const int MostDisks = 1024;

    /// <summary>Letters in the longest <see cref="Map"/>.</summary>
    public const int LongestMap = 64;

    /// <summary>For people; empty if it is not known.</summary>
    [JsonIgnore]
    public string PhaseName => NameOf(Phase);

    internal static string NameOf(ProgressPhase? phase) => phase switch
    {
        null => "",
        ProgressPhase.ReadingBack => "reading back",
        _ => phase.Value.ToString().ToLowerInvariant(),
    };
}

/// <summary>How far one disk of several is. One that waits for its turn has no phase.</summary>
public sealed record DiskProgress(string Name, long DoneBytes, long TotalBytes, double BytesPerSecond, ProgressPhase? Phase = null)
{
    /// <inheritdoc cref="Progress.PhaseName"/>
    [JsonIgnore]
    public string PhaseName => Progress.NameOf(Phase);
}

/// <summary>What a write is at, in this order. Each goes through the disk, or a part of it, at a speed of its own.</summary>
public enum ProgressPhase
{
    Checking,
    Comparing,

    /// <summary>The disk erases itself.</summary>
    Erasing,
    Zeroing,
    Writing,
    ReadingBack,
    Finishing,
}
