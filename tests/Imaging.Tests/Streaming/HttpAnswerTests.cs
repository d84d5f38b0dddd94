using System.Net;
using System.Net.Sockets;
using System.Text;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Answers that no good server gives, and good ones that few give: the image is written, or it is said in a sentence why not.</summary>
public sealed class HttpAnswerTests : IDisposable
{
    private const int DiskSize = 16 << 20;

    // More than a client that reads without bound would take before it is stopped, and than sockets hold by themselves.
    private const int Flood = 64 << 20;

    private readonly TestFolder _folder = new();
    private readonly TestImage _image;
    private readonly byte[] _file;
    private readonly RecordingTarget _target = new(new byte[DiskSize]);

    public HttpAnswerTests()
    {
        _image = TestImage.Sign(_folder.Convert(_folder.MakeDisk("disk.raw", DiskSize, seed: 6), "disk.qcow2"));
        _file = File.ReadAllBytes(_image.Path);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Range_OfAnotherUnit_IsRefused()
    {
        using var server = ScriptedServer.Of(request => Answer(request, "HTTP/1.1 206 Partial Content", $"Content-Range: items {request.From}-{request.To}/{_file.Length}"));

        AssertRefused(Write(server), "answered with the range 'items ");
    }

    [Fact]
    public void Range_InSeveralParts_IsRefused()
    {
        using var server = ScriptedServer.Of(request => ScriptedServer.Http(
            Encoding.ASCII.GetBytes($"--x\r\nContent-Range: bytes {request.From}-{request.To}/{_file.Length}\r\n\r\n"),
            "HTTP/1.1 206 Partial Content", "Content-Type: multipart/byteranges; boundary=x", "Content-Length: 5000000"));

        AssertRefused(Write(server), "answered 206 without a range of its own (multipart/byteranges)");
    }

    [Theory]
    [InlineData("HTTP/1.1 403 \e[2J\e]0;owned\a", "answered 403 ?[2J?]0;owned?")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: file:///\e[2J", "redirects to file:///?[2J")]
    public void Answer_ThatSteersTerminals_IsShownWithoutIt(string head, string reason)
    {
        using var server = ScriptedServer.Of(_ => ScriptedServer.Http([], head, "Content-Length: 0"));

        AssertRefused(Write(server), reason);
    }

    [Fact]
    public void Address_WithAPassword_IsShownWithoutIt()
    {
        using var server = ScriptedServer.Of(_ => ScriptedServer.Http([], "HTTP/1.1 403 Forbidden", "Content-Length: 0"));
        var address = new UriBuilder(server.Address) { UserName = "me", Password = "s3cret", Query = "?X-Signature=s3cret" }.Uri;

        var outcome = Writing.From([new HttpSource(address, TimeProvider.System)], _target, _image);

        Assert.DoesNotContain("s3cret", outcome.Reason!.ToString(), StringComparison.Ordinal);
        Assert.StartsWith($"{server.Address} answered 403", outcome.Reason.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_ThatNobodyTrusts_IsRefusedAndNotAskedForAgain()
    {
        using var ca = new TestCa();
        await using var server = await TlsServer.StartAsync(ca.Server(IPAddress.Loopback), _ => { });

        var outcome = Writing.From([new HttpSource(server.Address, TimeProvider.System)], _target, _image, new WriteOptions(Retries: new RetryPolicy(MaxRetries: 3, TimeSpan.Zero, TimeSpan.Zero)));

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains("certificate", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("It was tried", outcome.Reason.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: {0}")]
    [InlineData("Transfer-Encoding: chunked")]
    public void Body_LongerThanTheRange_HarmsNothing(string framing)
    {
        using var server = ScriptedServer.Of(request =>
        {
            var body = _file[request.From..(request.To + 1)].Concat(new byte[70_000]).ToArray();
            var isChunked = framing.StartsWith("Transfer", StringComparison.Ordinal);
            return ScriptedServer.Http(
                isChunked ? [.. Encoding.ASCII.GetBytes($"{body.Length:x}\r\n"), .. body, .. "\r\n0\r\n\r\n"u8] : body,
                "HTTP/1.1 206 Partial Content", $"Content-Range: bytes {request.From}-{request.To}/{_file.Length}", isChunked ? framing : $"Content-Length: {body.Length}");
        });

        AssertWritten(Write(server));
    }

    [Theory]
    [InlineData("junk")]
    [InlineData("an answer of its own")]
    public void Connection_ThatGoesOnAfterTheAnswer_PoisonsNoOther(string what)
    {
        // Whatever is asked for next, this would be its answer.
        var poison = what == "junk" ? new byte[1000] : ScriptedServer.Http(
            new byte[16], "HTTP/1.1 206 Partial Content", $"Content-Range: bytes 0-15/{_file.Length}", "Content-Length: 16");
        using var server = ScriptedServer.Of(request => [.. Answer(request), .. poison]);

        AssertWritten(Write(server));
    }

    [Theory]
    [InlineData("a long header")]
    [InlineData("endless headers")]
    [InlineData("a status line without end")]
    [InlineData("1xx answers")]
    [InlineData("a chunk's length without end")]
    public void Head_WithoutBounds_IsGivenUpSoon(string what)
    {
        var begun = what switch
        {
            "a long header" => "HTTP/1.1 206 Partial Content\r\nX: ",
            "endless headers" => "HTTP/1.1 206 Partial Content\r\n",
            "a status line without end" => "HTTP/1.1 206 ",
            "a chunk's length without end" => $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-{(1 << 20) - 1}/{_file.Length}\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            _ => "",
        };
        var part = what switch
        {
            "endless headers" => "X: y\r\n",
            "1xx answers" => "HTTP/1.1 102 Processing\r\n\r\n",
            _ => "x",
        };
        var block = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(part, 4096)));
        long most = 0;
        using var server = new ScriptedServer(async (_, stream, stop) =>
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(begun), stop);
            for (long sent = 0; sent < Flood; sent += block.Length)
            {
                await stream.WriteAsync(block, stop);
                InterlockedMax(ref most, sent + block.Length);
            }
            return false;
        });

        AssertRefused(Write(server), "cannot be read at byte ", "It was tried 2 times.");
        Assert.InRange(most, 1, Flood / 2);
    }

    [Fact]
    public void Server_ThatClosesBetweenAnswers_CostsNoRetry()
    {
        using var server = ScriptedServer.Of(request => Answer(request), closes: true);

        AssertWritten(Write(server, new RetryPolicy(0, TimeSpan.Zero, TimeSpan.Zero)));
        Assert.Equal(server.Requests, server.Connections);
    }

    [Fact]
    public void Server_OfHttp10WithRanges_IsRead()
    {
        using var server = ScriptedServer.Of(request => Answer(request, "HTTP/1.0 206 Partial Content"), closes: true);

        AssertWritten(Write(server, new RetryPolicy(0, TimeSpan.Zero, TimeSpan.Zero)));
    }

    [Fact]
    public void Server_AtAnIpv6Address_IsRead()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "there is no IPv6");
        using var server = new ScriptedServer(
            async (request, stream, stop) =>
            {
                await stream.WriteAsync(Answer(request), stop);
                return true;
            },
            IPAddress.IPv6Loopback);
        Assert.StartsWith("http://[::1]:", server.Address.ToString(), StringComparison.Ordinal);

        AssertWritten(Write(server));
    }

    private static void InterlockedMax(ref long most, long value)
    {
        for (long seen; (seen = Interlocked.Read(ref most)) < value;)
            Interlocked.CompareExchange(ref most, value, seen);
    }

    private byte[] Answer(ScriptedRequest request, string status = "HTTP/1.1 206 Partial Content", string? range = null) => ScriptedServer.Http(
        _file.AsSpan(request.From, request.To - request.From + 1),
        status, range ?? $"Content-Range: bytes {request.From}-{request.To}/{_file.Length}", $"Content-Length: {request.To - request.From + 1}");

    private WriteOutcome Write(ScriptedServer server, RetryPolicy? retries = null) => Writing.From(
        [new HttpSource(server.Address, TimeProvider.System)], _target, _image, new WriteOptions(Retries: retries ?? new RetryPolicy(1, TimeSpan.Zero, TimeSpan.Zero)));

    private void AssertWritten(WriteOutcome outcome)
    {
        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.True(_target.Disk.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["disk.raw"])), "the disk differs from the image");
        Assert.Empty(outcome.Figures.DroppedSources);
    }

    private void AssertRefused(WriteOutcome outcome, params string[] reasons)
    {
        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.All(reasons, reason => Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal));
        Assert.DoesNotContain("..", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(_target.Writes);
    }
}
