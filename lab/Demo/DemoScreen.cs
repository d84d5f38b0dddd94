using System.Diagnostics;
using System.Globalization;
using Baremetal.Api;

namespace Baremetal.Lab.Demo;

/// <summary>
/// What the person who started the demo sees: one line for each thing that happens, with the time since the start and the server that it
/// happens to. Below them, on a terminal, a bar for each server that is being written; elsewhere a line every quarter of the way.
/// </summary>
internal sealed class DemoScreen(TextWriter output, bool terminal)
{
    private const int BarWidth = 28;

    private readonly Lock _gate = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly SortedDictionary<string, string> _bars = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ProgressPhase? Phase, int Quarter)> _quarters = new(StringComparer.Ordinal);
    private int _barsShown;

    public TimeSpan Elapsed => _clock.Elapsed;

    /// <summary>Something happened to a server.</summary>
    public void Say(string server, string stage, string text) =>
        Line($"{Seconds()}  {Bold(server)}  {stage,-9} {text}");

    /// <summary>The operator's command, as anyone could type it.</summary>
    public void Command(string server, string command) =>
        Line($"{Seconds()}  {Bold(server)}  {Dim($"$ {command}")}");

    /// <summary>Something that is no server's own.</summary>
    public void Note(string text) => Line($"{Seconds()}  {text}");

    /// <summary>A line as it is, such as those of a table.</summary>
    public void Plain(string text) => Line(text);

    public void Progress(string server, Progress progress)
    {
        // Before the plan is made there is nothing to be a share of, and before the second look no speed.
        if (progress.TotalBytes == 0 || progress.BytesPerSecond == 0)
            return;
        var stage = progress.PhaseName.PadRight(9);
        var share = (double)progress.DoneBytes / progress.TotalBytes;
        var left = progress.BytesPerSecond > 0 ? TimeSpan.FromSeconds((progress.TotalBytes - progress.DoneBytes) / progress.BytesPerSecond) : (TimeSpan?)null;
        var figures = string.Create(
            CultureInfo.InvariantCulture,
            $"{share,4:P0}  {Size.Of(progress.DoneBytes)} of {Size.Of(progress.TotalBytes)}, {Size.Of((long)progress.BytesPerSecond)}/s, {(left is { } time ? $"{time.TotalSeconds:0} s left" : "…")}");
        if (terminal)
        {
            var filled = (int)(share * BarWidth);
            SetBar(server, $"{Seconds()}  {Bold(server)}  {stage} [{new string('#', filled)}{new string('.', BarWidth - filled)}] {figures}");
            return;
        }
        var quarter = (progress.Phase, (int)(share * 4));
        lock (_gate)
        {
            if (_quarters.TryGetValue(server, out var last) && last == quarter)
                return;
            _quarters[server] = quarter;
        }
        Say(server, stage, figures);
    }

    public void ProgressEnds(string server)
    {
        lock (_gate)
        {
            EraseBars();
            _bars.Remove(server);
            _quarters.Remove(server);
            DrawBars();
        }
    }

    private void Line(string text)
    {
        lock (_gate)
        {
            EraseBars();
            output.WriteLine(text);
            DrawBars();
        }
    }

    private void SetBar(string server, string text)
    {
        lock (_gate)
        {
            EraseBars();
            _bars[server] = text;
            DrawBars();
        }
    }

    // Cursor up one line and erase it, for each bar that stands there.
    private void EraseBars()
    {
        for (; _barsShown > 0; _barsShown--)
            output.Write("\e[1A\e[2K");
    }

    private void DrawBars()
    {
        foreach (var bar in _bars.Values)
            output.WriteLine(bar);
        _barsShown = _bars.Count;
        output.Flush();
    }

    private string Seconds() => string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed.TotalSeconds,6:0.0}");

    private string Bold(string text) => terminal ? $"\e[1m{text}\e[0m" : text;

    private string Dim(string text) => terminal ? $"\e[2m{text}\e[0m" : text;
}
