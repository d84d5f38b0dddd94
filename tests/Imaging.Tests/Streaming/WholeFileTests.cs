using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Raw images from servers that know no ranges: the file is read as one stream, and every byte verified as ever.</summary>
public sealed class WholeFileTests : IDisposable
{
    private const int DiskSize = 40 << 20;

    private static readonly RetryPolicy _atOnce = new(10, TimeSpan.Zero, TimeSpan.Zero);

    private readonly TestFolder _folder = new();
    private readonly TestImage _image;
    private readonly byte[] _file;
    private readonly RecordingTarget _target = new(new byte[DiskSize]);
    private readonly WriteProgress _progress = new();
    private string? _remark;

    public WholeFileTests()
    {
        _image = TestImage.Sign(_folder.MakeDisk("disk.raw", DiskSize, seed: 5));
        _file = File.ReadAllBytes(_image.Path);
        _target.BeforeWrite = _ => _remark ??= _progress.Remark;
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task PythonsServer_RawImageAndItsIndex_AreWritten()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "there is no python3");
        var port = FreePort();
        File.WriteAllBytes(_folder[$"{Digest.Of(_image.Verified.Source.Bytes)}.index"], [.. _image.Verified.Source.Bytes]);
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-u", "-m", "http.server", port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--directory", Path.GetDirectoryName(_image.Path)!])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            // It says where it listens when it does.
            Assert.Contains("Serving HTTP", await python.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            var server = new Uri($"http://127.0.0.1:{port}/");

            Assert.True(
                Blobs.TryFetch(
                    Digest.Of(_image.Verified.Source.Bytes), _image.Verified.Source.Bytes.Length, [server.ToString()], new RetryPolicy(), TimeProvider.System, out _, out var rejection,
                    TestContext.Current.CancellationToken),
                rejection?.ToString());
            AssertWrittenInTwoReads(Write(new Uri(server, "disk.raw")), new Uri(server, "disk.raw"));
        }
        finally
        {
            python.Kill();
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK", "Content-Length")]
    [InlineData("HTTP/1.1 200 OK", "Transfer-Encoding")]
    [InlineData("HTTP/1.0 200 OK", "Content-Length")]
    [InlineData("HTTP/1.0 200 OK", "nothing")]
    public void Server_WithoutRanges_IsReadAsAStreamTwice(string status, string length)
    {
        using var server = Server(status, length, _file);

        AssertWrittenInTwoReads(Write(server.Address), server.Address);
    }

    [Fact]
    public void Server_ThatCutsInTheMiddle_IsAskedAnewAndSkipped()
    {
        var cuts = 0;
        using var server = new ScriptedServer(async (request, stream, stop) =>
        {
            await stream.WriteAsync(ScriptedServer.Http([], "HTTP/1.1 200 OK", $"Content-Length: {_file.Length}"), stop);
            // Each time a little further, so that several cuts fall into the data.
            await stream.WriteAsync(Interlocked.Increment(ref cuts) is var cut and < 9 ? _file.AsMemory(0, (cut * 5) << 20) : _file, stop);
            return false;
        });

        var outcome = Write(server.Address);

        AssertWritten(outcome);
        Assert.InRange(server.Requests, 8, 40);
        Assert.Empty(outcome.Figures.DroppedSources);
    }

    [Theory]
    [InlineData("Transfer-Encoding", -4096, "ended at byte ")]
    [InlineData("nothing", -4096, "closed the connection at byte ")]
    [InlineData("Content-Length", -4096, "the signed manifest says")]
    [InlineData("Transfer-Encoding", 4096, "goes on after byte ")]
    [InlineData("nothing", 4096, "goes on after byte ")]
    [InlineData("Content-Length", 4096, "the signed manifest says")]
    public void Server_WithAFileOfAnotherSize_IsRefusedNamingIt(string length, int more, string reason)
    {
        using var server = Server("HTTP/1.1 200 OK", length, more < 0 ? _file[..^-more] : [.. _file, .. new byte[more]]);

        AssertRefused(Write(server.Address), $"{server.Address} ", reason);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK")]
    [InlineData("HTTP/1.1 206 Partial Content")]
    public void Server_ThatEncodes_IsRefusedNamingTheEncoding(string status)
    {
        using var server = ScriptedServer.Of(request => ScriptedServer.Http(
            new byte[100], status, $"Content-Range: bytes {request.From}-{request.To}/{_file.Length}", "Content-Encoding: gzip", "Content-Length: 100"));

        AssertRefused(Write(server.Address), $"{server.Address} sends the file with Content-Encoding gzip", "Serve it as it is");
    }

    [Fact]
    public void Server_WithoutRangesThatLies_WritesNothingUnverified()
    {
        using var server = Server("HTTP/1.1 200 OK", "Content-Length", Mutator.FlipBit(_file, 8 * 21_000_000L));

        var outcome = Write(server.Address);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.False(Disks.Boots(_target.Disk));
        Assert.All(_target.Writes.Where(write => write.Data is not null), write => Assert.True(_file.AsSpan((int)write.Offset, (int)write.Length).SequenceEqual(write.Data)));
    }

    [Fact]
    public void Server_WithoutRangesBesideOneWithThem_IsNotUsedAndNamed()
    {
        using var asked = new ManualResetEventSlim();
        using var whole = Server("HTTP/1.1 200 OK", "Content-Length", _file, asked);
        using var ranges = new RangeServer(_file, _ => After(asked, null));

        var outcome = Write(whole.Address, ranges.Address);

        AssertWritten(outcome);
        Assert.Equal($"{whole.Address} does not answer ranges: it is not used while another may.", Assert.Single(outcome.Figures.DroppedSources));
        Assert.InRange(outcome.Figures.WireBytes, 1, DiskSize + (8 << 20));
        Assert.Null(_remark);
    }

    [Fact]
    public void Server_WithoutRanges_IsTakenBackWhenTheOtherIsGone()
    {
        using var asked = new ManualResetEventSlim();
        using var whole = Server("HTTP/1.1 200 OK", "Content-Length", _file, asked);
        using var ranges = new RangeServer(_file, _ => After(asked, _target.Writes.Count > 0 ? new Fault(Status: 404) : null));

        var outcome = Write(whole.Address, ranges.Address);

        AssertWritten(outcome);
        Assert.Equal($"{ranges.Address} answered 404 Fault.", Assert.Single(outcome.Figures.DroppedSources));
    }

    // One server might do all the work before the other is asked.
    private static Fault? After(ManualResetEventSlim asked, Fault? fault)
    {
        asked.Wait(TestContext.Current.CancellationToken);
        return fault;
    }

    // A server that knows no ranges, and tells the length in one of several ways or not at all.
    private static ScriptedServer Server(string status, string length, byte[] file, ManualResetEventSlim? asked = null) => new(async (_, stream, stop) =>
    {
        asked?.Set();
        var isChunked = length == "Transfer-Encoding";
        var framing = length switch
        {
            "nothing" => "Connection: close",
            "Transfer-Encoding" => "Transfer-Encoding: chunked",
            _ => $"Content-Length: {file.Length}",
        };
        await stream.WriteAsync(ScriptedServer.Http([], status, framing), stop);
        if (isChunked)
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{file.Length:x}\r\n"), stop);
        await stream.WriteAsync(file, stop);
        if (isChunked)
            await stream.WriteAsync("\r\n0\r\n\r\n"u8.ToArray(), stop);
        return length != "nothing" && status != "HTTP/1.0 200 OK";
    });

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private WriteOutcome Write(params Uri[] servers) =>
        Writing.From([.. servers.Select(server => new HttpSource(server, TimeProvider.System))], _target, _image, new WriteOptions(Retries: _atOnce), _progress);

    private void AssertWrittenInTwoReads(WriteOutcome outcome, Uri server)
    {
        AssertWritten(outcome);
        // To the end for what is checked first, then from the start for the rest. Whoever comes second in the beginning leaves when it is seen, which
        // a busy machine may take some chunks for.
        Assert.InRange(outcome.Figures.WireBytes, DiskSize, (3 * DiskSize) - 1);
        Assert.StartsWith($"{server} does not answer ranges: the image is read to its end", _remark, StringComparison.Ordinal);
        Assert.Empty(outcome.Figures.DroppedSources);
    }

    private void AssertWritten(WriteOutcome outcome)
    {
        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.True(_target.Disk.AsSpan().SequenceEqual(_file), "the disk differs from the image");
    }

    private void AssertRefused(WriteOutcome outcome, params string[] reasons)
    {
        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.All(reasons, reason => Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal));
        Assert.Empty(_target.Writes);
    }
}
