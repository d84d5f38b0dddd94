using Baremetal.Api;
using Baremetal.DeployAgent.Logs;

namespace Baremetal.DeployAgent;

/// <summary>
/// What people see of the agent on the machine's consoles: one line a stage, and a bar that is drawn over itself. A serial log keeps a whole
/// line for every tenth. Nothing here waits for a console, but <see cref="DrainAsync"/>.
/// </summary>
public sealed class AgentConsole(TextWriter output, AgentLog log) : IDisposable
{
    private const int BarWidth = 24;
    private const int LineWidth = 100;

    // A serial line of 9600 baud writes twenty lines in it; one that stands still is not waited for.
    private static readonly TimeSpan DrainWithin = TimeSpan.FromSeconds(2);

    private readonly ConsoleQueue _queue = new(output);
    private readonly Lock _gate = new();
    private ProgressPhase? _phase;
    private readonly Dictionary<(string Disk, ProgressPhase? Phase), long> _tenthsOfDisks = [];
    private long _tenths;
    private bool _isOut;

    /// <summary>Where all lines go as well.</summary>
    public AgentLog Log => log;

    public void Say(string line)
    {
        log.Append(line);
        _queue.Line($"agent: {line}");
    }

    /// <summary>Says once that the conductor is away, however often it is tried.</summary>
    public void TellOutage(Problem problem)
    {
        lock (_gate)
        {
            if (_isOut)
                return;
            _isOut = true;
        }
        Say($"{new ProblemException(problem).Message} Trying until it answers.");
    }

    public void TellAnswer()
    {
        lock (_gate)
        {
            if (!_isOut)
                return;
            _isOut = false;
        }
        Say("The conductor answers again.");
    }

    /// <summary>Draws the bar of a stage. Call it about once a second.</summary>
    public void Draw(Progress progress)
    {
        if (progress.TotalBytes == 0)
            return;
        var share = ShareOf(progress.DoneBytes, progress.TotalBytes);
        var bar = new string('#', (int)(share * BarWidth)).PadRight(BarWidth, '.');
        var line = $"agent: {progress.PhaseName,-12} [{bar}] {Figures(progress.DoneBytes, progress.TotalBytes, progress.BytesPerSecond)}";
        lock (_gate)
        {
            foreach (var disk in progress.Disks ?? [])
                DrawTenth(disk);
            if (progress.Phase != _phase)
                (_phase, _tenths) = (progress.Phase, 0);
            var tenths = (long)(share * 10);
            _queue.Bar(line.TrimEnd().PadRight(LineWidth), stays: tenths > _tenths);
            _tenths = Math.Max(_tenths, tenths);
        }
    }

    // The bar is of all disks together; how far each is stays as a line for each of its tenths.
    private void DrawTenth(DiskProgress disk)
    {
        var tenths = (long)(ShareOf(disk.DoneBytes, disk.TotalBytes) * 10);
        if (disk.Phase is null || tenths <= _tenthsOfDisks.GetValueOrDefault((disk.Name, disk.Phase)))
            return;
        _tenthsOfDisks[(disk.Name, disk.Phase)] = tenths;
        Say($"{disk.Name}: {disk.PhaseName} {Figures(disk.DoneBytes, disk.TotalBytes, disk.BytesPerSecond)}".TrimEnd());
    }

    private static double ShareOf(long done, long total) => total == 0 ? 0 : Math.Clamp((double)done / total, 0, 1);

    private static string Figures(long done, long total, double perSecond)
    {
        var left = perSecond > 0 ? Quantity.Time(TimeSpan.FromSeconds((total - done) / perSecond)) + " left" : "";
        return $"{ShareOf(done, total),4:0 %}  {Quantity.Bytes(done)} of {Quantity.Bytes(total)}, {Quantity.Bytes(perSecond)}/s  {left}";
    }

    /// <summary>Waits until all that was said is on the consoles, if they take it soon: before what cannot be undone.</summary>
    public async Task DrainAsync(TimeProvider time)
    {
        try
        {
            await _queue.DrainedAsync().WaitAsync(DrainWithin, time);
        }
        catch (TimeoutException)
        {
            // A console that stands still holds nobody up.
        }
    }

    public void Dispose() => _queue.Dispose();
}
