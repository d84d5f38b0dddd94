using System.Text;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Mirrors that trickle, on real sockets and a clock of the test's.</summary>
public sealed class SlowMirrorTests : IDisposable
{
    private const int DiskSize = 24 << 20;
    private const int Slow = 16 << 10;
    private const int Brisk = 1 << 20;

    // Faster than a stall, and it would be at one chunk for minutes.
    private const int Trickle = 3 << 10;

    private static readonly TimeSpan _anHonestChunk = TimeSpan.FromSeconds((1 << 20) / Trickle);

    private readonly TestFolder _folder = new();
    private readonly ManualClock _clock = new();
    private readonly string _raw;
    private readonly TestImage _image;
    private readonly byte[] _file;
    private readonly RecordingTarget _target = new(new byte[DiskSize]);

    public SlowMirrorTests()
    {
        _raw = _folder.MakeDisk("disk.raw", DiskSize, seed: 8);
        _image = TestImage.Sign(_folder.Convert(_raw, "disk.qcow2"));
        _file = File.ReadAllBytes(_image.Path);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 3)]
    public void Mirror_ThatTricklesBesideAFastOne_IsDroppedAndNamedWithBothRates(bool slowIsFirst, int answersBefore)
    {
        using var isSlow = new ManualResetEventSlim();
        using var slow = Server(request =>
        {
            if (request.Number <= answersBefore)
                return null;
            isSlow.Set();
            return Slow;
        });
        // Else it might do all the work before the other is asked, or before anybody can say that it is slow.
        using var fast = Server(_ =>
        {
            isSlow.Wait(TestContext.Current.CancellationToken);
            return Brisk;
        });

        var outcome = Write(slowIsFirst ? [slow, fast] : [fast, slow]);

        AssertWritten(outcome);
        var dropped = Assert.Single(outcome.Figures.DroppedSources);
        Assert.Matches($"^{slow.Address} gave [0-9.]+ [KM]iB/s while {fast.Address} gave [0-9.]+ [KM]iB/s: it is not used, since it stayed below a quarter of that for 5 s of waiting.$", dropped);
        if (answersBefore == 0)
            Assert.InRange(slow.Sent, 0, 1 << 20);
    }

    [Fact]
    public void Chunk_ThatAMirrorIsLongAt_IsFetchedFromTheOther()
    {
        var asked = 0;
        using var one = Server(_ => Interlocked.Increment(ref asked) == 1 ? Trickle : null);
        using var other = Server(_ => Interlocked.Increment(ref asked) == 1 ? Trickle : null);

        var outcome = Write([one, other]);

        AssertWritten(outcome);
        Assert.InRange(Elapsed, Pace.Enough, _anHonestChunk);
    }

    [Fact]
    public void Mirror_ThatTricklesWhileTheOtherHasNoMoreRoom_DoesNotHoldUpTheWrite()
    {
        var image = TestImage.Sign(_folder.MakeDisk("large.raw", 3 * DiskSize, seed: 9));
        var file = File.ReadAllBytes(image.Path);
        var target = new RecordingTarget(new byte[file.Length]);
        using var isSlow = new ManualResetEventSlim();
        using var slow = new RangeServer(file, _ =>
        {
            if (target.Writes.Count == 0)
                return null;
            isSlow.Set();
            return new Fault(BytesPerSecond: Trickle);
        }, _clock);
        using var fast = new RangeServer(file, _ =>
        {
            if (target.Writes.Count > 0)
                isSlow.Wait(TestContext.Current.CancellationToken);
            return null;
        });

        // Two dozen chunks are held: eight that the slow one was asked for, and few besides.
        var outcome = Writing.OnClock(
            _clock, [slow.Address, fast.Address], target, image, new WriteOptions(), TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1), isSlow);

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal(file, target.Disk);
        Assert.InRange(Elapsed, Pace.Enough, _anHonestChunk);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("the head, byte by byte")]
    [InlineData("1xx answers")]
    [InlineData("the body, a KiB a second")]
    public void Server_ThatSendsTooLittleToEverGiveAChunk_IsGivenUpAsStalled(string what)
    {
        using var server = new ScriptedServer(async (request, stream, stop) =>
        {
            var (head, part) = what switch
            {
                "nothing" => ("", []),
                "the head, byte by byte" => ("HTTP/1.1 206 Partial Content\r\nX-", "y"u8.ToArray()),
                "1xx answers" => ("", "HTTP/1.1 102 Processing\r\n\r\n"u8.ToArray()),
                _ => ($"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {request.From}-{request.To}/{_file.Length}\r\nContent-Length: {request.To - request.From + 1}\r\n\r\n", new byte[1024]),
            };
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head), stop);
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), _clock, stop);
                await stream.WriteAsync(part, stop);
            }
        });

        var outcome = Writing.OnClock(
            _clock, [server.Address], _target, _image, new WriteOptions(Retries: new RetryPolicy(1, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1))), TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(1));

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains($"{server.Address} stalled at byte ", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Contains("It was tried 2 times", outcome.Reason.Cause, StringComparison.Ordinal);
        Assert.True(Elapsed >= 2 * new HttpLimits().StallTime, "it was cut before the limit");
    }

    [Fact]
    public void Server_ThatIsConnectedToOnlyAfterTheLimit_IsGivenUpAsStalled()
    {
        using var server = new ScriptedServer(async (_, _, stop) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
            return false;
        });

        // The clock runs so fast that the limit is over before there is a socket that could be cut.
        var outcome = Writing.OnClock(
            _clock, [server.Address], _target, _image, new WriteOptions(Retries: new RetryPolicy(1, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1))), TimeSpan.Zero);

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains("stalled at byte ", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Mirrors_AllSlow_AreAllKept()
    {
        using var one = Server(_ => Brisk);
        using var other = Server(_ => Brisk);

        var outcome = Write([one, other]);

        AssertWritten(outcome);
        Assert.Empty(outcome.Figures.DroppedSources);
        Assert.All([one, other], server => Assert.True(server.Sent >= Brisk, $"only {server.Sent} bytes from one of them"));
    }

    [Fact]
    public void Mirror_SlowAndAlone_IsKept()
    {
        using var slow = Server(_ => Brisk);

        var outcome = Write([slow]);

        AssertWritten(outcome);
        Assert.Empty(outcome.Figures.DroppedSources);
    }

    [Fact]
    public void Mirror_SlowAndDropped_IsTakenBackWhenTheFastOneIsGone()
    {
        var toBeJudged = TimeSpan.FromSeconds(8);
        // So large that the fast one is still asked when both have been judged.
        var image = TestImage.Sign(_folder.MakeDisk("large.raw", 3 * DiskSize, seed: 9));
        var file = File.ReadAllBytes(image.Path);
        var target = new RecordingTarget(new byte[file.Length]);
        using var isSlow = new ManualResetEventSlim();
        var asked = TimeSpan.Zero;
        var isGone = false;
        using var slow = new RangeServer(file, _ =>
        {
            if (!isSlow.IsSet)
                asked = Elapsed;
            isSlow.Set();
            return new Fault(BytesPerSecond: Volatile.Read(ref isGone) ? Brisk : Trickle);
        }, _clock);
        // Once enough is known of both, however long that takes here.
        RangeServer? judged = null;
        using var fast = judged = new RangeServer(file, _ =>
        {
            isSlow.Wait(TestContext.Current.CancellationToken);
            if (Elapsed - asked >= toBeJudged && judged!.Sent >= 8 << 20)
                Volatile.Write(ref isGone, true);
            return Volatile.Read(ref isGone) ? new Fault(Status: 404) : new Fault(BytesPerSecond: Brisk);
        }, _clock);

        var outcome = Writing.OnClock(_clock, [slow.Address, fast.Address], target, image, new WriteOptions(), TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1));

        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.Equal(file, target.Disk);
        Assert.Equal($"{fast.Address} answered 404 Fault.", Assert.Single(outcome.Figures.DroppedSources));
        // Else what it was asked for at first would have been waited for.
        Assert.InRange(Elapsed, toBeJudged, _anHonestChunk);
    }

    private TimeSpan Elapsed => _clock.GetUtcNow() - new ManualClock().GetUtcNow();

    private RangeServer Server(Func<RangeRequest, int?> pace) => new(_file, request => pace(request) is { } bytes ? new Fault(BytesPerSecond: bytes) : null, _clock);

    private WriteOutcome Write(RangeServer[] servers) =>
        Writing.OnClock(_clock, Array.ConvertAll(servers, server => server.Address), _target, _image, new WriteOptions(), TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1));

    private void AssertWritten(WriteOutcome outcome)
    {
        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.True(_target.Disk.AsSpan().SequenceEqual(File.ReadAllBytes(_raw)), "the disk differs from the image");
    }
}
