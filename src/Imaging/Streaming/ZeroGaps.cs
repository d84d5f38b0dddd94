using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>The runs of chunks that the image has no data for, zeroed one after the other by whoever asks for the next.</summary>
internal sealed class ZeroGaps : IDisposable
{
    // Long enough that a call costs nothing, short enough that a disk that really writes its zeros can be stopped within a second.
    private const long MostAtOnce = 128 << 20;

    private readonly ChunkLayout _chunks;
    private readonly IBlockTarget _target;
    private readonly WriteProgress _progress;
    private readonly IEnumerator<(int First, int Count)> _runs;
    private readonly Lock _gate = new();
    private long _leftBytes;

    /// <param name="zeros">The chunks that are zeros, ascending.</param>
    /// <param name="chunks">The disk's chunks.</param>
    /// <param name="target">The disk.</param>
    /// <param name="progress">Told of each run.</param>
    public ZeroGaps(IEnumerable<int> zeros, ChunkLayout chunks, IBlockTarget target, WriteProgress progress)
    {
        _chunks = chunks;
        _target = target;
        _progress = progress;
        _leftBytes = zeros.Sum(chunk => (long)chunks.LengthOf(chunk));
        _runs = RunsOf(zeros, (int)(MostAtOnce / chunks.ChunkSize)).GetEnumerator();
    }

    public long LeftBytes => Interlocked.Read(ref _leftBytes);

    /// <returns>False when none was left.</returns>
    public bool TryZeroNext()
    {
        int first, count;
        lock (_gate)
        {
            if (!_runs.MoveNext())
                return false;
            (first, count) = _runs.Current;
        }
        var from = _chunks.OffsetOf(first);
        var length = _chunks.OffsetOf(first + count - 1) + _chunks.LengthOf(first + count - 1) - from;
        _target.Zero(from, length);
        Interlocked.Add(ref _leftBytes, -length);
        _progress.Zeroed(first, count, length);
        return true;
    }

    public void Dispose() => _runs.Dispose();

    private static IEnumerable<(int First, int Count)> RunsOf(IEnumerable<int> zeros, int most)
    {
        var (first, count) = (0, 0);
        foreach (var chunk in zeros)
        {
            if (count > 0 && (chunk != first + count || count >= most))
            {
                yield return (first, count);
                count = 0;
            }
            if (count++ == 0)
                first = chunk;
        }
        if (count > 0)
            yield return (first, count);
    }
}
