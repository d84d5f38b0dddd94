namespace Baremetal.Conductor.Boot;

/// <summary>
/// How many sightings of one node, and changes of its hardware, are told within a minute. Whoever can send a packet can make one, and each is a row
/// and a sync of the disk; a boot makes about ten.
/// </summary>
public sealed partial class SightingAllowance(TimeProvider time, ILogger<SightingAllowance> logger)
{
    public const int MostInAWindow = 30;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();

    /// <summary>Of enrolled nodes only: no stranger makes it grow.</summary>
    private readonly Dictionary<string, (DateTimeOffset Since, int Told)> _nodes = new(StringComparer.Ordinal);

    public bool TryTake(string node)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            var (since, told) = _nodes.GetValueOrDefault(node);
            if (now - since >= Window)
                (since, told) = (now, 0);
            _nodes[node] = (since, told + 1);
            if (told == MostInAWindow)
                LogTooMany(node, MostInAWindow);
            return told < MostInAWindow;
        }
    }

    [LoggerMessage(4002, LogLevel.Warning, "Node {Node} was seen on the network, or with other hardware, {Most} times within a minute; the rest of that minute is not told. Somebody else may use its MAC or address")]
    private partial void LogTooMany(string node, int most);
}
