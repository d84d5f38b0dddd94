using Baremetal.Api;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>
/// For people: one line that is drawn again and again, then a sentence. In its bar is the disk itself, as far as it has been compared, zeroed,
/// written and read back; while the tables are checked, how many of them.
/// <code>
/// writing      [####000==+.........]  52 %  2.1 GiB   1.1 GiB/s  2 s left
/// </code>
/// </summary>
/// <param name="output">The terminal, or what takes its place.</param>
/// <param name="width">Columns of the terminal; null if it is none, and nothing is drawn.</param>
/// <param name="isUtf8">Whether it shows blocks.</param>
/// <param name="time">For the rate.</param>
internal sealed class WriteBar(TextWriter output, int? width, bool isUtf8, TimeProvider time) : IWriteDisplay
{
    // The phase, the brackets, and the last column: a terminal may begin a new line when that is filled.
    private const int OtherColumns = 13 + 2 + 1;
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
            if (progress.Remark is { } remark && remark != _remark)
            {
                Wipe();
                Say(_remark = remark);
            }
            if (width is not { } columns)
                return;
            var gauge = _gauge ??= new WriteGauge(progress, time);
            var now = gauge.Read();
            if (now.TotalBytes == 0)
                return;
            if (!_hasLegend)
                output.WriteLine(ChunkStrip.Legend(isUtf8));
            var behind = Array.Find(FiguresOf(now), figures => OtherColumns + ShortestBar + figures.Length <= columns) ?? "";
            var room = Math.Clamp(columns - OtherColumns - behind.Length, 1, Progress.LongestMap);
            var bar = now.Map is null || now.Phase == ProgressPhase.Checking ? BarOf(now, room) : ChunkStrip.Draw(now.Map, room, isUtf8).PadRight(room);
            output.Write($"\r{now.PhaseName,-13}[{bar}]{behind}");
            _isDrawn = _hasLegend = true;
        }
    }

    public void End(ImagePredicate image, string target, WriteOutcome outcome)
    {
        Erase();
        var figures = outcome.Figures;
        // The reason names the last ones itself.
        foreach (var dropped in figures.DroppedSources.Where(dropped => outcome.Reason?.Cause.Contains(dropped, StringComparison.Ordinal) != true))
            Say($"Source dropped: {dropped}");
        Say(outcome.Status switch
        {
            WriteStatus.Written =>
                $"Image {image.Name}:{image.Version} is on {target}, verified: {Quantity.Bytes(figures.WrittenBytes)} written, {Quantity.Bytes(figures.ZeroedBytes)} zeroed, "
                + $"{Quantity.Bytes(figures.ReusedBytes)} there already; {Quantity.Bytes(figures.WireBytes)} read from the source in {figures.Elapsed.TotalSeconds:0.0} s, {Quantity.Bytes(figures.PeakMemoryBytes)} of memory.",
            WriteStatus.Failed => $"Failed, and {target} does not boot: {outcome.Reason}",
            _ => $"Refused, and nothing was written: {outcome.Reason}",
        });
        if (outcome.Status == WriteStatus.Failed)
            output.WriteLine("Start the write again when that is mended; with --reuse, what is there already stays.");
    }

    public void Refuse(Rejection rejection)
    {
        Erase();
        Say($"Refused, and nothing was written: {rejection}");
    }

    public void Dispose() => output.Flush();

    // From all of them to what a narrow terminal has room for: a line that wraps cannot be drawn over.
    private static string[] FiguresOf(Progress now)
    {
        var percent = $" {100 * now.DoneBytes / now.TotalBytes,3} %";
        var bytes = $"  {Quantity.Bytes(now.DoneBytes),8}";
        var rate = $"  {Quantity.Bytes(now.BytesPerSecond),8}/s";
        var left = $"  {(now.BytesPerSecond > 0 ? $"{Quantity.Time(TimeSpan.FromSeconds((now.TotalBytes - now.DoneBytes) / now.BytesPerSecond))} left" : ""),-14}";
        return [percent + bytes + rate + left, percent + rate + left, percent + left, percent];
    }

    private static string BarOf(Progress now, int room)
    {
        var filled = (int)(room * (double)now.DoneBytes / now.TotalBytes);
        return new string('=', filled) + (filled < room ? ">" : "") + new string(' ', Math.Max(0, room - filled - 1));
    }

    // A document that nobody has signed, and a server, may say what they like.
    private void Say(string sentence) => output.WriteLine(Printable.Of(sentence));

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
