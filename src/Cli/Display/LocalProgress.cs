using Baremetal.Api;

namespace Baremetal.Cli.Display;

/// <summary>Progress of work on this machine, such as an upload, for whoever watches a terminal; told from any thread.</summary>
internal sealed class LocalProgress(Screen screen, string what, long total, TimeProvider time) : IProgress<long>, IDisposable
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly long _start = time.GetTimestamp();
    private TimeSpan _drawn = -Least;
    private bool _isOver;

    public void Report(long value)
    {
        lock (_gate)
        {
            var elapsed = time.GetElapsedTime(_start);
            if (_isOver || elapsed - _drawn < Least)
                return;
            _drawn = elapsed;
            ProgressLine.Draw(screen, $"{what}  ", new Progress(value, total, 0, elapsed > TimeSpan.Zero ? value / elapsed.TotalSeconds : 0));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            screen.EraseLive();
        }
    }
}
