namespace Baremetal.Imaging.Sources;

/// <summary>
/// What a mirror gave, and how long its connections waited for it together: what it could not send because nobody read is not held against it.
/// </summary>
internal readonly record struct Pace(long Bytes, TimeSpan Waited)
{
    /// <summary>Nobody is judged by less waiting: a connection that is made anew, or a packet that is lost, takes a second or two.</summary>
    public static readonly TimeSpan Enough = TimeSpan.FromSeconds(5);

    // One that has a quarter of another's speed adds little beside it, and holds up whoever waits for what it was asked for.
    private const int TimesSlower = 4;

    // Less may have lain ready in the kernel, and says nothing.
    private const long LeastBytes = 4 << 20;

    public static string Rule => $"it is not used, since it stayed below a quarter of that for {Enough.TotalSeconds:0} s of waiting";

    public double BytesPerSecond => Bytes / Math.Max(Waited.TotalSeconds, 0.001);

    public static Pace operator -(Pace now, Pace then) => new(now.Bytes - then.Bytes, now.Waited - then.Waited);

    /// <summary>Whether the rule drops it beside another, both measured since the same moment.</summary>
    public bool IsTooSlowBeside(Pace other) => Waited >= Enough && other.Bytes >= LeastBytes && BytesPerSecond * TimesSlower < other.BytesPerSecond;

    public override string ToString() => BytesPerSecond < 1 << 20 ? $"{BytesPerSecond / 1024:0} KiB/s" : $"{BytesPerSecond / (1 << 20):0.0} MiB/s";
}
