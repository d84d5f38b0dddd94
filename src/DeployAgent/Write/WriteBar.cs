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
    private WriteGauge? _gauge;
    private bool _isDrawn;
    private bool _isEnded;

    public void Show(WriteProgress progress)
    {
        lock (_gate)
        {
            if (!isTerminal || _isEnded)
                return;
            var gauge = _gauge ??= new WriteGauge(progress, time);
            var now = gauge.Read();
            if (now.TotalBytes == 0)
                return;
            var filled = (int)(BarLength * now.DoneBytes / now.TotalBytes);
            var bar = new string('=', filled) + (filled < BarLength ? ">" : "") + new string(' ', Math.Max(0, BarLength - filled - 1));
            var left = now.BytesPerSecond > 0 ? $"{Quantity.Time(TimeSpan.FromSeconds((now.TotalBytes - now.DoneBytes) / now.BytesPerSecond))} left" : "";
            output.Write($"\r{now.PhaseName,-12}[{bar}] {100 * now.DoneBytes / now.TotalBytes,3} %  {Quantity.Bytes(now.BytesPerSecond),9}/s  {left,-14}");
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
                $"Image {image.Name}:{image.Version} is on {target}, verified: {Quantity.Bytes(figures.WrittenBytes)} written, {Quantity.Bytes(figures.ZeroedBytes)} zeroed, "
                + $"{Quantity.Bytes(figures.ReusedBytes)} there already; {Quantity.Bytes(figures.WireBytes)} read from the source in {figures.Elapsed.TotalSeconds:0.0} s, {Quantity.Bytes(figures.PeakMemoryBytes)} of memory.",
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
}
