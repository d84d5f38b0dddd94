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

    /// <summary>How many lines have ended so far; as <c>since</c> of a wait, a mark between what was said before and after.</summary>
    public long LineCount
    {
        get
        {
            lock (gate)
                return forgotten + lines.Count;
        }
    }

    /// <summary>The newest lines, the one that has not ended yet included.</summary>
    public IReadOnlyList<string> Tail(int count)
    {
        lock (gate)
            return [.. open.Length == 0 ? lines.TakeLast(count) : lines.Append(Clean(open.ToString())).TakeLast(count)];
    }

    /// <summary>Waits for a line that contains the text, ended or not (a prompt does not end). Returns that line.</summary>
    /// <exception cref="TimeoutException">It was not said in time; the message has the last lines and the file.</exception>
    /// <exception cref="EndOfStreamException">The speaker ended first; the same message, with its end.</exception>
    public Task<string> WaitForAsync(string text, TimeSpan bound, long since = 0, CancellationToken cancellationToken = default) =>
        WaitForAsync(line => line.Contains(text, StringComparison.Ordinal), $"'{text}'", bound, since, cancellationToken);

    /// <summary>Waits for a line that <paramref name="matches"/>; <paramref name="what"/> names it in the error.</summary>
    /// <inheritdoc cref="WaitForAsync(string, TimeSpan, long, CancellationToken)"/>
    public async Task<string> WaitForAsync(Predicate<string> matches, string what, TimeSpan bound, long since = 0, CancellationToken cancellationToken = default)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(bound);
        for (var next = since; ;)
        {
            Task more;
            lock (gate)
            {
                for (next = Math.Max(next, forgotten); next < forgotten + lines.Count; next++)
                {
                    if (matches(lines[(int)(next - forgotten)]))
                        return lines[(int)(next - forgotten)];
                }
                if (open.Length > 0 && Clean(open.ToString()) is var unfinished && matches(unfinished))
                    return unfinished;
                more = ended is null ? changed.Task : throw new EndOfStreamException(Missed(what, $"before it ended ({ended})"));
            }
            try
            {
                await more.WaitAsync(bounded.Token);
            }
            catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException(Missed(what, $"within {bound.TotalSeconds:0.#} s"), late);
            }
        }
    }

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
        if (onLine is not null)
            said.ForEach(onLine);
    }

    internal void AppendLine(string line) => Append(Encoding.UTF8.GetBytes(line + "\n"));

    /// <summary>Nothing more will be said: waiters learn it at once.</summary>
    internal void End(string how)
    {
        lock (gate)
        {
            ended ??= how;
            Signal();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Clean(string line) => ControlSequence().Replace(line, "").Trim('\r');

    // ECMA-48: CSI, then parameters, intermediates, a final byte; or ESC and one byte. Firmware menus are full of them.
    [GeneratedRegex(@"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ControlSequence();

    private void Signal()
    {
        changed.TrySetResult();
        changed = NewSignal();
    }

    private string Missed(string what, string when)
    {
        var last = string.Join('\n', Tail(15).Select(line => "    " + line));
        return $"{subject} did not say {what} {when}. Its last lines (all of them are in {Path}):\n{(last.Length == 0 ? "    (it said nothing)" : last)}";
    }
}
