namespace Baremetal.DeployAgent.Enrolment;

/// <summary>
/// The time, as the pinned conductor said it, plus what has passed since by the monotonic clock. The machine's own date is never asked:
/// after years in a rack it can stand anywhere.
/// </summary>
internal sealed class ServerClock(TimeProvider time, DateTimeOffset said, long saidAt)
{
    // One reference: whoever reads sees both halves of one answer.
    private volatile Reading _last = new(said, saidAt);

    public DateTimeOffset Now
    {
        get
        {
            var last = _last;
            return last.Said + time.GetElapsedTime(last.At);
        }
    }

    /// <summary>When the conductor said its time, by the monotonic clock.</summary>
    public long SaidAt => _last.At;

    public void Set(DateTimeOffset serverTime) => _last = new Reading(serverTime, time.GetTimestamp());

    private sealed record Reading(DateTimeOffset Said, long At);
}
