using System.Text;
using System.Text.RegularExpressions;

namespace Baremetal.Lab;

/// <summary>
/// What a program or a serial line has said so far: the bytes as they came in a file, the lines without terminal control sequences in
/// memory, for as many waiters as like.
/// </summary>
public sealed partial class Transcript : IDisposable
{
    // A guest that prints without end must not take the lab's memory: the file has all, the memory the newest lines.
    private const int LinesKept = 20_000;
    private const int LineLength = 4_096;

    private readonly Lock gate = new();
    private readonly string subject;
    private readonly Action<string>? onLine;
    private readonly FileStream file;
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder open = new();
    private readonly List<string> lines = [];
    private long forgotten;
    private TaskCompletionSource changed = NewSignal();
    private string? ended;

    internal Transcript(string subject, string path, Action<string>? onLine)
    {
        this.subject = subject;
        this.onLine = onLine;
        Path = path;
        file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    /// <summary>The file that has all of it.</summary>
    public string Path { get; }

    /// <summary>A mark between what was said and what will be: as <c>since</c>, a wait sees only the lines that begin after it.</summary>
    public long Mark
    {
        get
        {
            lock (gate)
                return OpenLine + (open.Length == 0 ? 0 : 1);
        }
    }

    private long OpenLine => forgotten + lines.Count;

    /// <summary>The newest lines, the one that has not ended yet included.</summary>
    public IReadOnlyList<string> Tail(int count)
    {
        lock (gate)
            return [.. open.Length == 0 ? lines.TakeLast(count) : lines.Append(Clean(open.ToString())).TakeLast(count)];
    }

    /// <summary>Waits for a whole line that contains the text, and returns it.</summary>
    /// <exception cref="TimeoutException">It was not said in time; the message has the last lines and the file.</exception>
    /// <exception cref="EndOfStreamException">The speaker ended first; the same message, with its end.</exception>
    public Task<string> WaitForLineAsync(string text, TimeSpan bound, long since = 0, CancellationToken cancellationToken = default) =>
        WaitAsync(text, unfinished: false, bound, since, cancellationToken);

    /// <summary>Waits for a text that may stand at the end of a line that goes on, as a prompt does, and returns that line so far.</summary>
    /// <inheritdoc cref="WaitForLineAsync"/>
    public Task<string> WaitForPromptAsync(string text, TimeSpan bound, long since = 0, CancellationToken cancellationToken = default) =>
        WaitAsync(text, unfinished: true, bound, since, cancellationToken);

    public void Dispose()
    {
        lock (gate)
        {
            ended ??= "the lab let go of it";
            file.Dispose();
            Signal();
        }
    }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        List<string> said = [];
        lock (gate)
        {
            if (!file.SafeFileHandle.IsClosed)
                file.Write(bytes);
            Span<char> characters = new char[decoder.GetCharCount(bytes, flush: false)];
            decoder.GetChars(bytes, characters, flush: false);
            foreach (var character in characters)
            {
                if (character != '\n')
                    open.Append(character);
                if (character != '\n' && open.Length < LineLength)
                    continue;
                said.Add(Clean(open.ToString()));
                open.Clear();
            }
            lines.AddRange(said);
            if (lines.Count > 2 * LinesKept)
            {
                forgotten += lines.Count - LinesKept;
                lines.RemoveRange(0, lines.Count - LinesKept);
            }
            Signal();
        }
        said.ForEach(Report);
    }

    /// <summary>Who spoke has stopped in the middle of a line, or not: the next word begins a new one.</summary>
    internal void BreakLine()
    {
        string? line;
        lock (gate)
            line = EndOpenLine();
        Report(line);
    }

    internal void AppendLine(string line) => Append(Encoding.UTF8.GetBytes(line + "\n"));

    /// <summary>Nothing more will be said: waiters learn it at once.</summary>
    internal void End(string how)
    {
        string? line;
        lock (gate)
        {
            ended ??= how;
            line = EndOpenLine();
        }
        Report(line);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Clean(string line) => ControlSequence().Replace(line, "").Trim('\r');

    // ECMA-48: CSI, then parameters, intermediates, a final byte; or ESC, intermediates, a final byte. Firmware menus are full of them.
    [GeneratedRegex(@"\x1b(\[[0-?]*[ -/]*[@-~]|[ -/]*[0-Z\\-~])", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ControlSequence();

    private async Task<string> WaitAsync(string text, bool unfinished, TimeSpan bound, long since, CancellationToken cancellationToken)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(bound);
        for (var next = since; ;)
        {
            Task more;
            lock (gate)
            {
                for (next = Math.Max(next, forgotten); next < OpenLine; next++)
                {
                    if (lines[(int)(next - forgotten)] is var line && line.Contains(text, StringComparison.Ordinal))
                        return line;
                }
                if (unfinished && next == OpenLine && Clean(open.ToString()) is var begun && begun.Contains(text, StringComparison.Ordinal))
                    return begun;
                more = ended is null ? changed.Task : throw new EndOfStreamException(Missed(text, $"before it ended ({ended})"));
            }
            try
            {
                await more.WaitAsync(bounded.Token);
            }
            catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException(Missed(text, $"within {bound.TotalSeconds:0.#} s"), late);
            }
        }
    }

    private string? EndOpenLine()
    {
        var line = open.Length > 0 ? Clean(open.ToString()) : null;
        if (line is not null)
            lines.Add(line);
        open.Clear();
        Signal();
        return line;
    }

    // Outside the lock: a listener may well look at the transcript.
    private void Report(string? line)
    {
        if (line is not null)
            onLine?.Invoke(line);
    }

    private void Signal()
    {
        changed.TrySetResult();
        changed = NewSignal();
    }

    private string Missed(string text, string when)
    {
        var last = string.Join('\n', Tail(15).Select(line => "    " + line));
        return $"{subject} did not say '{text}' {when}. Its last lines (all of them are in {Path}):\n{(last.Length == 0 ? "    (it said nothing)" : last)}";
    }
}
