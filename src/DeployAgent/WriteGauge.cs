using Baremetal.Api;
using Baremetal.Imaging.Streaming;

namespace Baremetal.DeployAgent;

/// <summary>How far a write is, and how fast it goes now. One thread reads it, every second or more often.</summary>
internal sealed class WriteGauge(WriteProgress progress, TimeProvider time)
{
    // Long enough to be calm, short enough to show a stall.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    private readonly Queue<(long At, long Done)> _recent = new();
    private WritePhase _phase;

    public Progress Read()
    {
        var phase = progress.Phase;
        if (phase != _phase)
        {
            _phase = phase;
            _recent.Clear();
        }
        var now = (At: time.GetTimestamp(), Done: progress.DoneBytes);
        _recent.Enqueue(now);
        while (_recent.Count > 2 && time.GetElapsedTime(_recent.Peek().At, now.At) > Window)
            _recent.Dequeue();
        var (at, done) = _recent.Peek();
        var elapsed = time.GetElapsedTime(at, now.At).TotalSeconds;
        return new Progress(now.Done, progress.TotalBytes, progress.WireBytes, elapsed > 0 ? Math.Max(0, now.Done - done) / elapsed : 0, WordFor(phase), progress.Map);
    }

    private static ProgressPhase WordFor(WritePhase phase) => phase switch
    {
        WritePhase.Checking => ProgressPhase.Checking,
        WritePhase.Comparing => ProgressPhase.Comparing,
        WritePhase.Erasing => ProgressPhase.Erasing,
        WritePhase.Zeroing => ProgressPhase.Zeroing,
        WritePhase.Writing => ProgressPhase.Writing,
        WritePhase.ReadingBack => ProgressPhase.ReadingBack,
        _ => ProgressPhase.Finishing,
    };
}
