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

    /// <summary>Something that an honest machine does not do, such as a one-time token presented twice.</summary>
    public const string Alarm = "alarm";
}

/// <summary>
/// How far a write has come. <paramref name="DoneBytes"/> of <paramref name="TotalBytes"/> count the disk's bytes (zeroed ones too);
/// <paramref name="WireBytes"/> is what came over the network.
/// </summary>
public sealed record Progress(long DoneBytes, long TotalBytes, long WireBytes, double BytesPerSecond);
