using Baremetal.Api;
using Baremetal.Imaging.Streaming;

namespace Baremetal.DeployAgent.Steps;

/// <summary>How far a write is and how fast it goes now: the rate is that of the last ten readings, within one phase.</summary>
internal sealed class WriteGauge(WriteProgress progress, TimeProvider time)
{
    private const int Window = 10;

    private readonly Queue<(long At, long Done)> _readings = new();
    private WritePhase _phase;

    public Progress Read()
    {
        if (progress.Phase is var phase && phase != _phase)
        {
            _phase = phase;
            _readings.Clear();
        }
        var now = (At: time.GetTimestamp(), Done: progress.DoneBytes);
        _readings.Enqueue(now);
        if (_readings.Count > Window)
            _readings.Dequeue();
        var (at, done) = _readings.Peek();
        var elapsed = time.GetElapsedTime(at, now.At).TotalSeconds;
        return new Progress(now.Done, progress.TotalBytes, progress.WireBytes, elapsed > 0 ? Math.Max(0, now.Done - done) / elapsed : 0);
    }
}
