using Baremetal.Api;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>
/// For people: one line that is drawn again and again, then a sentence. In its bar is the disk itself, as far as it has been compared, zeroed,
/// written and read back; while the tables are checked, how many of them.
/// <code>
/// writing     [####0000==+......................]  52 %   1.1 GiB/s  2 s left
/// </code>
/// </summary>
/// <param name="output">The terminal, or what takes its place.</param>
/// <param name="width">Columns of the terminal; null if it is none, and nothing is drawn.</param>
/// <param name="isUtf8">Whether it shows blocks.</param>
/// <param name="time">For the rate.</param>
internal sealed class WriteBar(TextWriter output, int? width, bool isUtf8, TimeProvider time) : IWriteDisplay
{
    // The phase, the brackets, and what stands behind them.
    private const int OtherColumns = 50;
    private const int ShortestBar = 8;

    private readonly Lock _gate = new();
    private WriteGauge? _gauge;
    private bool _isDrawn;
    private bool _hasLegend;
    private bool _isEnded;
    private string? _remark;

    public void Show(WriteProgress progress)
    {
        lock (_gate)
        {
            if (_isEnded)
                return;
            if (_remark is null && progress.Remark is { } remark)
            {
                Wipe();
                output.WriteLine(_remark = remark);
            }
            if (width is not { } columns)
                return;
            var gauge = _gauge ??= new WriteGauge(progress, time);
            var now = gauge.Read();
            if (now.TotalBytes == 0)
                return;
            if (!_hasLegend)
                output.WriteLine(ChunkStrip.Legend(isUtf8));
            var room = Math.Clamp(columns - OtherColumns, ShortestBar, Progress.LongestMap);
            var bar = now.Map is null || now.Phase == ProgressPhase.Checking ? BarOf(now, room) : ChunkStrip.Draw(now.Map, room, isUtf8).PadRight(room);
            var left = now.BytesPerSecond > 0 ? $"{Quantity.Time(TimeSpan.FromSeconds((now.TotalBytes - now.DoneBytes) / now.BytesPerSecond))} left" : "";
            output.Write($"\r{now.PhaseName,-12}[{bar}] {100 * now.DoneBytes / now.TotalBytes,3} %  {Quantity.Bytes(now.BytesPerSecond),9}/s  {left,-14}");
            _isDrawn = _hasLegend = true;
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

    private static string BarOf(Progress now, int room)
    {
        var filled = (int)(room * (double)now.DoneBytes / now.TotalBytes);
        return new string('=', filled) + (filled < room ? ">" : "") + new string(' ', Math.Max(0, room - filled - 1));
    }

    private void Erase()
    {
        lock (_gate)
        {
            Wipe();
            _isEnded = true;
        }
    }

    private void Wipe()
    {
        if (_isDrawn)
            output.Write("\r\u001b[K");
        _isDrawn = false;
    }
}
