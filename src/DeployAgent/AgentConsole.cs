using Baremetal.Api;

namespace Baremetal.DeployAgent;

/// <summary>
/// What people see of the agent on the machine's consoles: one line a stage, and a bar that is drawn over itself. A serial log keeps a whole
/// line for every tenth.
/// </summary>
public sealed class AgentConsole(TextWriter output)
{
    private const int BarWidth = 24;
    private const int LineWidth = 100;

    private readonly Lock _gate = new();
    private bool _barIsOpen;
    private string _barTitle = "";
    private long _tenths;
    private bool _isOut;

    public void Say(string line)
    {
        lock (_gate)
        {
            CloseBar();
            output.WriteLine($"agent: {line}");
            output.Flush();
        }
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
    public void Draw(string title, Progress progress)
    {
        if (progress.TotalBytes == 0)
            return;
        var share = Math.Clamp((double)progress.DoneBytes / progress.TotalBytes, 0, 1);
        var left = progress.BytesPerSecond > 0 ? Quantity.Time(TimeSpan.FromSeconds((progress.TotalBytes - progress.DoneBytes) / progress.BytesPerSecond)) + " left" : "";
        var bar = new string('#', (int)(share * BarWidth)).PadRight(BarWidth, '.');
        var line = $"agent: {title,-12} [{bar}] {share,4:0 %}  {Quantity.Bytes(progress.DoneBytes)} of {Quantity.Bytes(progress.TotalBytes)}, {Quantity.Bytes(progress.BytesPerSecond)}/s  {left}";
        lock (_gate)
        {
            if (title != _barTitle)
                (_barTitle, _tenths) = (title, 0);
            output.Write('\r');
            output.Write(line.TrimEnd().PadRight(LineWidth));
            _barIsOpen = true;
            if ((long)(share * 10) is var tenths && tenths > _tenths)
            {
                _tenths = tenths;
                CloseBar();
            }
            output.Flush();
        }
    }

    private void CloseBar()
    {
        if (_barIsOpen)
            output.WriteLine();
        _barIsOpen = false;
    }
}
