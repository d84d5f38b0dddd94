namespace Baremetal.Imaging.Sources;

/// <summary>Where a chunk is between the source and its readers.</summary>
internal enum FetchState
{
    Absent,

    /// <summary>A fetcher has it in its run, or two have.</summary>
    Claimed,

    Present,
}

/// <summary>What is known of one chunk of the source. Under the cache's lock.</summary>
internal sealed class CachedChunk(int number)
{
    /// <summary>The turn of what a reader waits for.</summary>
    public const long Now = -1;

    /// <summary>The turn of what nobody needs.</summary>
    public const long Never = long.MaxValue;

    private readonly Queue<long> _uses = new(1);

    public int Number => number;

    public FetchState State { get; set; }

    /// <summary>Where it lies while it is present.</summary>
    public CacheSlot? Slot { get; set; }

    /// <summary>Readers that wait for it.</summary>
    public int Waiting { get; set; }

    /// <summary>When the first of them began, by the clock's timestamps.</summary>
    public long WaitedForSince { get; set; }

    /// <summary>Runs that it is in: two, if it was overdue in one.</summary>
    public int Claims { get; set; }

    /// <summary>Uses that were announced and have not ended.</summary>
    public int Uses => _uses.Count;

    /// <summary>The turn in which it is needed next.</summary>
    public long NextUse => Waiting > 0 ? Now : _uses.TryPeek(out var turn) ? turn : Never;

    public bool IsWanted => State == FetchState.Absent && NextUse != Never;

    public void BeginUse(long turn) => _uses.Enqueue(turn);

    public void EndUse(long turn)
    {
        // Nearly always the first: workers finish almost in the order in which they began.
        var count = _uses.Count;
        for (var i = 0; i < count; i++)
        {
            var use = _uses.Dequeue();
            if (use != turn)
                _uses.Enqueue(use);
        }
    }
}
