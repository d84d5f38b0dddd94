using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>
/// For people: one line that is drawn again and again, then a sentence.
/// <code>
/// writing     [===============>              ]  52 %   1.1 GiB/s   2 s left
/// </code>
/// </summary>
internal sealed class WriteBar(TextWriter output, bool isTerminal, TimeProvider time) : IWriteDisplay
{
    private const int BarLength = 30;

    private readonly Lock _gate = new();
    private readonly Queue<(long Time, long Bytes)> _recent = new();
    private WritePhase _phase;
    private bool _isDrawn;
    private bool _isEnded;

    public void Show(WriteProgress progress)
    {
        lock (_gate)
        {
            if (!isTerminal || _isEnded || progress.TotalBytes == 0)
                return;
            if (_phase != progress.Phase)
                _recent.Clear();
            _phase = progress.Phase;
            var (done, total) = (progress.DoneBytes, progress.TotalBytes);
            var rate = Rate(done);
            var filled = (int)(BarLength * done / total);
            var bar = new string('=', filled) + (filled < BarLength ? ">" : "") + new string(' ', Math.Max(0, BarLength - filled - 1));
            var left = rate > 0 ? $"{Math.Ceiling((total - done) / rate):0} s left" : "";
            output.Write($"\r{Name(_phase),-12}[{bar}] {100 * done / total,3} %  {Size((long)rate),9}/s  {left,-14}");
            _isDrawn = true;
        }
    }

    public void End(ImagePredicate image, string target, WriteOutcome outcome)
    {
        Erase();
        var figures = outcome.Figures;
        foreach (var dropped in figures.DroppedSources)
            output.WriteLine($"Source dropped: {dropped}");
        output.WriteLine(outcome.Status switch
        {
            WriteStatus.Written =>
                $"Image {image.Name}:{image.Version} is on {target}, verified: {Size(figures.WrittenBytes)} written, {Size(figures.ZeroedBytes)} zeroed, "
                + $"{Size(figures.ReusedBytes)} there already; {Size(figures.WireBytes)} read from the source in {figures.Elapsed.TotalSeconds:0.0} s, {Size(figures.PeakMemoryBytes)} of memory.",
            WriteStatus.Failed => $"Failed, and {target} does not boot: {outcome.Reason}",
            _ => $"Refused, and nothing was written: {outcome.Reason}",
        });
    }

    public void Refuse(Rejection rejection)
    {
        Erase();
        output.WriteLine($"Refused, and nothing was written: {rejection}");
    }

    public void Dispose() => output.Flush();

    private void Erase()
    {
        lock (_gate)
        {
            if (_isDrawn)
                output.Write("\r\u001b[K");
            _isEnded = true;
        }
    }

    // Over the last five seconds: long enough to be calm, short enough to show a stall.
    private double Rate(long done)
    {
        var now = time.GetTimestamp();
        _recent.Enqueue((now, done));
        while (_recent.Count > 2 && time.GetElapsedTime(_recent.Peek().Time, now) > TimeSpan.FromSeconds(5))
            _recent.Dequeue();
        var (since, before) = _recent.Peek();
        var seconds = time.GetElapsedTime(since, now).TotalSeconds;
        return seconds > 0 ? (done - before) / seconds : 0;
    }

    private static string Name(WritePhase phase) => phase switch
    {
        WritePhase.Checking => "checking",
        WritePhase.Comparing => "comparing",
        WritePhase.Writing => "writing",
        WritePhase.ReadingBack => "reading back",
        _ => "finishing",
    };

    private static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => $"{bytes / (double)(1L << 30):0.0} GiB",
        >= 1L << 20 => $"{bytes / (double)(1L << 20):0} MiB",
        _ => $"{bytes >> 10} KiB",
    };
}
