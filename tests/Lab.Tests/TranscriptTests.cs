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
    public async Task WaitFor_PromptWithoutNewline_IsFound()
    {
        var waiting = transcript.WaitForAsync("login:", Bound, cancellationToken: Cancelled);
        Say("node-1 log");
        Say("in: ");

        Assert.Equal("node-1 login: ", await waiting);
    }

    [Fact]
    public async Task WaitFor_SaidBeforeTheMark_IsNotFound()
    {
        Say("booted\n");
        var mark = transcript.LineCount;

        await Assert.ThrowsAsync<TimeoutException>(() => transcript.WaitForAsync("booted", TimeSpan.FromMilliseconds(20), mark, Cancelled));
        Say("booted again\n");

        Assert.Equal("booted again", await transcript.WaitForAsync("booted", Bound, mark, Cancelled));
    }

    [Fact]
    public async Task Append_ControlSequences_StayInTheFileAndLeaveTheLine()
    {
        const string menu = "\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: \x1b[0m\x1b[37mloading\r\n";
        Say(menu);

        Assert.Equal("BdsDxe: loading", await transcript.WaitForAsync("loading", Bound, cancellationToken: Cancelled));
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

        Assert.Equal(40_001, transcript.LineCount);
        Assert.Equal("20002", await transcript.WaitForAsync("2", Bound, cancellationToken: Cancelled));
        Assert.Equal("40001", await transcript.WaitForAsync("4", Bound, since: 40_000, Cancelled));
    }

    public void Dispose()
    {
        transcript.Dispose();
        File.Delete(path);
    }

    private void Say(string text) => transcript.Append(Encoding.UTF8.GetBytes(text));
}
