using System.Text;

namespace Baremetal.Lab.Tests;

public sealed class TranscriptTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly string path = Path.GetTempFileName();
    private readonly Transcript transcript;

    public TranscriptTests() => transcript = new Transcript("The line", path, null);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WaitForPrompt_WithoutNewline_IsFound()
    {
        var waiting = transcript.WaitForPromptAsync("login:", Bound, cancellationToken: Cancelled);
        Say("node-1 log");
        Say("in: ");

        Assert.Equal("node-1 login: ", await waiting);
    }

    [Fact]
    public async Task WaitForLine_SaidBeforeTheMark_IsNotFound()
    {
        Say("booted\n");
        var mark = transcript.Mark;

        await Assert.ThrowsAsync<TimeoutException>(() => transcript.WaitForLineAsync("booted", TimeSpan.FromMilliseconds(20), mark, Cancelled));
        Say("booted again\n");

        Assert.Equal("booted again", await transcript.WaitForLineAsync("booted", Bound, mark, Cancelled));
    }

    [Fact]
    public async Task WaitForPrompt_OpenAtTheMark_IsNotFound()
    {
        Say("login: ");
        var mark = transcript.Mark;

        await Assert.ThrowsAsync<TimeoutException>(() => transcript.WaitForPromptAsync("login:", TimeSpan.FromMilliseconds(20), mark, Cancelled));
        transcript.BreakLine();
        Say("login: ");

        Assert.Equal("login: ", await transcript.WaitForPromptAsync("login:", Bound, mark, Cancelled));
    }

    [Fact]
    public async Task WaitForLine_HalfSaid_WaitsForItsEnd()
    {
        Say("READY address=");
        var waiting = transcript.WaitForLineAsync("READY", Bound, cancellationToken: Cancelled);
        Say("10.77.0.50\n");

        Assert.Equal("READY address=10.77.0.50", await waiting);
    }

    [Fact]
    public async Task WaitForLine_HalfSaidAtTheEnd_IsFound()
    {
        Say("last words");
        transcript.End("exit code 0");

        Assert.Equal("last words", await transcript.WaitForLineAsync("last", Bound, cancellationToken: Cancelled));
    }

    [Fact]
    public async Task Append_ControlSequences_StayInTheFileAndLeaveTheLine()
    {
        const string menu = "\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: \x1b[0m\x1b[37mloading\r\n";
        Say(menu);

        Assert.Equal("BdsDxe: loading", await transcript.WaitForLineAsync("loading", Bound, cancellationToken: Cancelled));
        Assert.Equal(menu, await File.ReadAllTextAsync(path, Cancelled));
    }

    [Fact]
    public void Append_LineWithoutEnd_IsCut()
    {
        Say(new string('x', 5_000) + "\n");

        Assert.Equal([4_096, 904], transcript.Tail(2).Select(line => line.Length));
    }

    [Fact]
    public async Task Append_MoreLinesThanAreKept_ForgetsTheOldestAndKeepsTheCount()
    {
        Say(string.Concat(Enumerable.Range(1, 40_001).Select(number => $"{number}\n")));

        Assert.Equal(40_001, transcript.Mark);
        Assert.Equal("20002", await transcript.WaitForLineAsync("2", Bound, cancellationToken: Cancelled));
        Assert.Equal("40001", await transcript.WaitForLineAsync("4", Bound, since: 40_000, Cancelled));
    }

    public void Dispose()
    {
        transcript.Dispose();
        File.Delete(path);
    }

    private void Say(string text) => transcript.Append(Encoding.UTF8.GetBytes(text));
}
