using Baremetal.Api;

namespace Baremetal.DeployAgent;

/// <summary>
/// What people see of the agent on the machine's consoles: one line a stage, and a bar that is drawn over itself. A serial log keeps a whole
/// line for every tenth. Nothing here waits for a console, but <see cref="DrainAsync"/>.
/// </summary>
public sealed class AgentConsole(TextWriter output) : IDisposable
{
    private const int BarWidth = 24;
    private const int LineWidth = 100;

    // A serial line of 9600 baud writes twenty lines in it; one that stands still is not waited for.
    private static readonly TimeSpan DrainWithin = TimeSpan.FromSeconds(2);

    private readonly ConsoleQueue _queue = new(output);
    private readonly Lock _gate = new();
    private ProgressPhase? _phase;
    private long _tenths;
    private bool _isOut;

    public void Say(string line) => _queue.Line($"agent: {line}");

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
        var share = Math.Clamp((double)progress.DoneBytes / progress.TotalBytes, 0, 1);
        var left = progress.BytesPerSecond > 0 ? Quantity.Time(TimeSpan.FromSeconds((progress.TotalBytes - progress.DoneBytes) / progress.BytesPerSecond)) + " left" : "";
        var bar = new string('#', (int)(share * BarWidth)).PadRight(BarWidth, '.');
        var line = $"agent: {progress.PhaseName,-12} [{bar}] {share,4:0 %}  {Quantity.Bytes(progress.DoneBytes)} of {Quantity.Bytes(progress.TotalBytes)}, {Quantity.Bytes(progress.BytesPerSecond)}/s  {left}";
        lock (_gate)
        {
            if (progress.Phase != _phase)
                (_phase, _tenths) = (progress.Phase, 0);
            var tenths = (long)(share * 10);
            _queue.Bar(line.TrimEnd().PadRight(LineWidth), stays: tenths > _tenths);
            _tenths = Math.Max(_tenths, tenths);
        }
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
