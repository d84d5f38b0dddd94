using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Imaging.Streaming;

namespace Baremetal.Cli.Jobs;

/// <summary>
/// A job as it happens. On a terminal each step that is over leaves a line, and the one that runs has a live one with a bar or a clock;
/// elsewhere, as in the log of a build, each thing that happens is a line with its time, and progress is told every tenth of the way.
/// </summary>
internal sealed class JobStory(Screen screen)
{
    // "boot-from-network", the longest step there is.
    private const int StepWidth = 17;

    // "12:07  waiting for "
    private const int WaitingColumn = 19;

    private string? _step;
    private DateTimeOffset _since;
    private Progress? _progress;
    private string? _waitingFor;
    private string? _seen;
    private int _tenths;
    private readonly Dictionary<(string Disk, ProgressPhase? Phase), int> _tenthsOfDisks = [];
    private int _turn;
    private bool _isAway;
    private bool _isExplained;

    private string Head => $"  {(_step ?? "").PadRight(StepWidth)}  ";

    public void Tell(Event seen)
    {
        _isAway = false;
        switch (seen.Kind)
        {
            case EventKinds.StepStarted:
                (_step, _since, _progress, _waitingFor, _seen, _tenths) = (seen.Step, seen.At, null, null, null, 0);
                _tenthsOfDisks.Clear();
                if (!screen.IsTerminal)
                    Log(seen.At, seen.Step, seen.Text is { } attempt ? $"started, {attempt}" : "started");
                break;
            case EventKinds.NodeSeen when _step is not null:
                _seen = seen.Text;
                if (!screen.IsTerminal)
                    Log(seen.At, _step, seen.Text ?? "");
                break;
            case EventKinds.NodeHardware:
                TellHardware(seen);
                break;
            case EventKinds.Progress when seen.Progress is { } progress:
                if (progress.Phase != _progress?.Phase)
                    _tenths = 0;
                _progress = progress;
                LogTenth(seen.At, progress);
                break;
            case EventKinds.StepEnded:
                End(seen);
                break;
        }
    }

    /// <summary>What the conductor waits for in this step, as far as it is known.</summary>
    public void WaitsFor(string? what, DateTimeOffset now)
    {
        _isAway = false;
        if (what is null || what == _waitingFor || _step is null)
            return;
        _waitingFor = what;
        if (!screen.IsTerminal)
            Log(now, _step, $"waiting for {what}");
        else if (Head.Length + WaitingColumn + what.Length >= screen.Width)
            Prose.WriteUnder(screen, Head, $"waiting for {what}");
    }

    /// <summary>The conductor does not answer; said once until it does again.</summary>
    public void Away(Problem problem)
    {
        if (_isAway)
            return;
        _isAway = true;
        screen.Line(new Run($"{problem.Title} The job goes on without it; asking again.", Tone.Busy));
    }

    /// <summary>Draws the live line anew.</summary>
    public void Draw(DateTimeOffset now)
    {
        if (_step is null)
            return;
        if (_progress is { } progress)
            DrawProgress(progress);
        else
            screen.Live(Head, new Run(Units.Clock(Elapsed(now)), Tone.Busy), _seen is not null ? $"  {_seen}" : _waitingFor is null ? "" : $"  waiting for {_waitingFor}");
    }

    private void DrawProgress(Progress progress)
    {
        if (ProgressLine.HasStrip(progress) && screen.IsTerminal && !_isExplained)
        {
            screen.Line(new Run("  " + ChunkStrip.Legend(screen.IsUtf8), Tone.Faint));
            _isExplained = true;
        }
        // There is one line: all disks together and each of them take turns on it.
        var disk = progress.Disks is { Length: > 0 } disks && _turn++ % (disks.Length + 1) is > 0 and var turn ? disks[turn - 1] : null;
        if (disk is { Phase: not null })
            ProgressLine.Draw(screen, $"{Head}{disk.Name} ", ProgressLine.Of(disk));
        else
            ProgressLine.Draw(screen, Head, progress);
    }

    public void Close() => screen.EraseLive();

    private void End(Event seen)
    {
        // A follower that came late has not seen the beginning.
        var took = seen.Step == _step ? Units.Duration(seen.At - _since) : "";
        if (screen.IsTerminal)
            screen.Line($"  {(seen.Step ?? "").PadRight(StepWidth)}  {took}", seen.Text is null ? "" : new Run($"{(took.Length > 0 ? "  " : "")}{seen.Text}", Tone.Bad));
        else
            Log(seen.At, seen.Step, seen.Text ?? $"done in {took}");
        (_step, _progress, _waitingFor) = (null, null, null);
    }

    // Not for the moment, as other signs of the node are: it may be what the operator has to know most.
    private void TellHardware(Event seen)
    {
        if (screen.IsTerminal)
            Prose.WriteUnder(screen, new Run(Head, Tone.Busy), seen.Text ?? "");
        else
            Log(seen.At, _step, seen.Text ?? "");
    }

    private void LogTenth(DateTimeOffset at, Progress progress)
    {
        foreach (var disk in screen.IsTerminal ? [] : progress.Disks ?? [])
            LogTenth(at, disk);
        var tenths = ProgressLine.Percent(progress) / 10;
        if (screen.IsTerminal || tenths <= _tenths)
            return;
        _tenths = tenths;
        Log(at, _step, ProgressLine.Figures(progress).TrimStart());
    }

    private void LogTenth(DateTimeOffset at, DiskProgress disk)
    {
        var tenths = ProgressLine.Percent(ProgressLine.Of(disk)) / 10;
        if (disk.Phase is null || tenths <= _tenthsOfDisks.GetValueOrDefault((disk.Name, disk.Phase)))
            return;
        _tenthsOfDisks[(disk.Name, disk.Phase)] = tenths;
        Log(at, _step, $"{disk.Name} {ProgressLine.Figures(ProgressLine.Of(disk)).TrimStart()}");
    }

    private void Log(DateTimeOffset at, string? step, string text) => screen.Line($"{Units.Time(at)}  {(step ?? "").PadRight(StepWidth)}  {text}");

    private TimeSpan Elapsed(DateTimeOffset now) => now > _since ? now - _since : TimeSpan.Zero;
}
