namespace Baremetal.DeployAgent;

/// <summary>
/// What is on its way to the consoles, written by a thread of its own. A console can be stopped (Scroll Lock; Ctrl-S; a serial line whose other
/// end takes nothing), and whoever speaks must not stop with it: its heartbeats would. What is too much then is dropped, bars first.
/// </summary>
internal sealed class ConsoleQueue : IDisposable
{
    // Some hundred lines are a whole deploy.
    private const int Most = 256;

    private readonly TextWriter _output;
    private readonly object _gate = new();
    private readonly List<Entry> _waiting = [];
    private TaskCompletionSource? _drained;
    private bool _isWriting;
    private bool _isEnded;
    private bool _barIsOpen;
    private int _lost;

    public ConsoleQueue(TextWriter output)
    {
        _output = output;
        new Thread(WriteAll) { IsBackground = true, Name = "console" }.Start();
    }

    private enum Kind
    {
        Line,

        /// <summary>Drawn over by the next one.</summary>
        Bar,

        /// <summary>A bar that stays.</summary>
        LastBar,
    }

    public void Line(string text) => Add(new Entry(Kind.Line, text));

    public void Bar(string text, bool stays) => Add(new Entry(stays ? Kind.LastBar : Kind.Bar, text));

    /// <summary>When nothing waits any more. A stopped console may keep it waiting for ever.</summary>
    public Task DrainedAsync()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0 && !_isWriting)
                return Task.CompletedTask;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    /// <summary>Ends the thread when it has written what waits; it is not waited for.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isEnded = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Add(Entry entry)
    {
        lock (_gate)
        {
            // One bar that waits is enough: the newest.
            if (entry.Kind != Kind.Line && _waiting.Count > 0 && _waiting[^1].Kind == Kind.Bar)
                _waiting.RemoveAt(_waiting.Count - 1);
            if (_waiting.Count == Most)
                DropOne();
            _waiting.Add(entry);
            Monitor.PulseAll(_gate);
        }
    }

    private void DropOne()
    {
        var bar = _waiting.FindIndex(entry => entry.Kind != Kind.Line);
        _waiting.RemoveAt(Math.Max(0, bar));
        _lost += bar < 0 ? 1 : 0;
    }

    private void WriteAll()
    {
        while (TryTake(out var entry, out var lost))
        {
            try
            {
                if (lost > 0)
                    Write(new Entry(Kind.Line, $"agent: {lost} lines are missing here: this console stood still."));
                Write(entry);
                _output.Flush();
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // Nobody reads any more, which is no reason to end.
            }
        }
    }

    private bool TryTake(out Entry entry, out int lost)
    {
        lock (_gate)
        {
            _isWriting = false;
            if (_waiting.Count == 0)
            {
                _drained?.SetResult();
                _drained = null;
            }
            while (_waiting.Count == 0 && !_isEnded)
                Monitor.Wait(_gate);
            (entry, lost) = (_waiting.FirstOrDefault(), _lost);
            if (_waiting.Count == 0)
                return false;
            _waiting.RemoveAt(0);
            _lost = 0;
            _isWriting = true;
            return true;
        }
    }

    private void Write(Entry entry)
    {
        if (entry.Kind == Kind.Line)
        {
            CloseBar();
            _output.WriteLine(entry.Text);
            return;
        }
        _output.Write('\r');
        _output.Write(entry.Text);
        _barIsOpen = true;
        if (entry.Kind == Kind.LastBar)
            CloseBar();
    }

    private void CloseBar()
    {
        if (_barIsOpen)
            _output.WriteLine();
        _barIsOpen = false;
    }

    private readonly record struct Entry(Kind Kind, string Text);
}
