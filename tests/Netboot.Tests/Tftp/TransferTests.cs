using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Baremetal.Netboot.Tests.Tftp;

public sealed class TransferTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("netboot-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(100_000)]
    public async Task Tftp_StockClient_GetsTheSameBytes(int length)
    {
        await using var server = new LoopbackTftp();
        server.Files["file"] = LoopbackTftp.Bytes(length, length);
        await RunAsync("tftp", "-m", "binary", "127.0.0.1", $"{server.EndPoint.Port}", "-c", "get", "file", Out);
        Assert.Equal(server.Files["file"].ToArray(), await File.ReadAllBytesAsync(Out, Cancel));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(1468)]
    [InlineData(65_464)] // clamped to the link
    public async Task Curl_BlockSize_GetsTheSameBytes(int blockSize)
    {
        await using var server = new LoopbackTftp();
        await CurlAsync(server.EndPoint.Port, "loader", blockSize);
        Assert.Equal(server.Small, await File.ReadAllBytesAsync(Out, Cancel));
        Assert.Contains($"blksize {Math.Min(blockSize, 1468)},", await server.Log.WaitForAsync(1200, Cancel), StringComparison.Ordinal);
        Assert.Equal([(IPAddress.Loopback, "loader")], server.SentFiles);
    }

    [Fact]
    public async Task Curl_MoreBlocksThanNumbers_GetsTheSameBytes()
    {
        await using var server = new LoopbackTftp();
        server.Files["large"] = LoopbackTftp.Bytes(34 * 1024 * 1024, 5);
        await CurlAsync(server.EndPoint.Port, "large", 512);
        Assert.Equal(SHA256.HashData(server.Files["large"].Span), SHA256.HashData(await File.ReadAllBytesAsync(Out, Cancel)));
    }

    [Fact]
    public async Task Curl_LossyLink_GetsTheSameBytes()
    {
        await using var server = new LoopbackTftp(time: new HurriedClock(20));
        await using var relay = new LossyRelay(server.EndPoint, seed: 1);
        await CurlAsync(relay.Port, "loader", 1024);
        Assert.Equal(server.Small, await File.ReadAllBytesAsync(Out, Cancel));
        Assert.InRange(relay.Lost, 5, 1000);
    }

    [Fact]
    public async Task Window_FourBlocksForOneAck_ComesWhole()
    {
        await using var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "blksize", "1468", "windowsize", "4", "tsize", "0");
        var options = await client.NextOptionsAsync(Cancel);
        Assert.Equal(("1468", "4", "100000"), (options["blksize"], options["windowsize"], options["tsize"]));
        Assert.Equal(server.Small, await ReadAsync(client, windowSize: 4));
        Assert.Contains("0 blocks sent again", await server.Log.WaitForAsync(1200, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5)] // the first of its window
    [InlineData(7)] // in the middle
    [InlineData(8)] // the last: the client waits, and the server's patience ends
    public async Task Window_OneBlockLost_IsSentAgainFromThere(int lost)
    {
        await using var server = new LoopbackTftp(time: new HurriedClock(10));
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "blksize", "1468", "windowsize", "4");
        await client.NextOptionsAsync(Cancel);
        Assert.Equal(server.Small, await ReadAsync(client, windowSize: 4, lost));
    }

    [Fact]
    public async Task Window_MoreThanAnyoneNeeds_IsGrantedLess()
    {
        await using var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "windowsize", "65535");
        Assert.Equal("64", (await client.NextOptionsAsync(Cancel))["windowsize"]);
    }

    [Fact]
    public async Task Options_NotAskedFor_AreNotAnswered()
    {
        await using var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "windowsize", "4", "unheard-of", "1");
        Assert.Equal("windowsize", Assert.Single(await client.NextOptionsAsync(Cancel)).Key);
    }

    [Fact]
    public async Task EveryAckTwice_EveryBlockOnce()
    {
        await using var server = new LoopbackTftp(time: new HurriedClock(1) /* patience as it is: nothing may be sent for lack of it */);
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader");
        var received = 0;
        for (var last = 512; last == 512; received++)
        {
            var (block, data) = await client.NextBlockAsync(Cancel);
            Assert.Equal(received + 1, block);
            client.Ack(block);
            client.Ack(block);
            last = data.Length;
        }
        Assert.Contains("0 blocks sent again", await server.Log.WaitForAsync(1200, Cancel), StringComparison.Ordinal);
        Assert.False(client.HasMore);
    }

    [Fact]
    public async Task ErrorAfterSize_FreesTheSessionWithoutAWarning()
    {
        await using var server = new LoopbackTftp(new TftpOptions { MaximumSessionsPerClient = 1 });
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "tsize", "0", "blksize", "1468");
        await client.NextOptionsAsync(Cancel);
        client.Send([0, 5, 0, 8, .. "User aborted the transfer\0"u8]);

        Assert.StartsWith("Debug", await server.Log.WaitForAsync(1202, Cancel), StringComparison.Ordinal);
        await CurlAsync(server.EndPoint.Port, "loader", 1468);
    }

    [Fact]
    public async Task SilentClient_IsGivenUp()
    {
        await using var server = new LoopbackTftp(time: new HurriedClock(100));
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader");
        Assert.Contains("after 0 bytes of loader", await server.Log.WaitForAsync(1203, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 10)] // 1 + 2 + 8 × 4 s
    [InlineData(5, 7)] // 7 × 5 s
    public async Task SilentClient_WithItsOwnTimeout_IsGivenUpAfterTheSameTime(int timeout, int sent)
    {
        await using var server = new LoopbackTftp(time: new HurriedClock(100));
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "timeout", $"{timeout}");
        Assert.Contains("after 0 bytes of loader", await server.Log.WaitForAsync(1203, Cancel), StringComparison.Ordinal);
        for (var number = 1; number <= sent; number++)
            Assert.Equal($"{timeout}", (await client.NextOptionsAsync(Cancel))["timeout"]);
        Assert.False(client.HasMore);
    }

    [Theory]
    [InlineData(5, true)]
    [InlineData(6, false)]
    [InlineData(255, false)]
    public async Task Timeout_TooLong_IsLeftOutOfTheAnswer(int timeout, bool granted)
    {
        await using var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader", "timeout", $"{timeout}", "tsize", "0");
        var options = await client.NextOptionsAsync(Cancel);
        Assert.Equal(granted ? $"{timeout}" : null, options.GetValueOrDefault("timeout"));
        Assert.Equal("100000", options["tsize"]);
    }

    [Fact]
    public async Task ClosedClient_IsGivenUpAtOnceWithoutAWarning()
    {
        await using var server = new LoopbackTftp();
        using (var client = new RawTftpClient(server.EndPoint))
        {
            client.Request("loader", "tsize", "0");
            await client.NextOptionsAsync(Cancel);
        }
        Assert.StartsWith("Debug", await server.Log.WaitForAsync(1202, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nothing-here")]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("loader/../loader")]
    public async Task UnknownName_IsRefusedQuietly(string name)
    {
        await using var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Request(name);
        Assert.Equal(1, (await client.NextAsync(5, Cancel))[3]);
        Assert.StartsWith("Debug", await server.Log.WaitForAsync(1201, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "octet", 2)] // a write
    [InlineData(1, "netascii", 4)]
    public async Task WriteOrText_IsRefused(byte opcode, string mode, byte error)
    {
        await using var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Send([0, opcode, .. "loader\0"u8, .. System.Text.Encoding.ASCII.GetBytes(mode), 0]);
        Assert.Equal(error, (await client.NextAsync(5, Cancel))[3]);
    }

    [Fact]
    public async Task TooManyOfOneClient_WaitUntilOneEnds()
    {
        await using var server = new LoopbackTftp(new TftpOptions { MaximumSessionsPerClient = 1 });
        using var first = new RawTftpClient(server.EndPoint);
        first.Request("loader", "tsize", "0");
        await first.NextOptionsAsync(Cancel);
        using var second = new RawTftpClient(server.EndPoint);
        second.Request("loader");
        await server.Log.WaitForAsync(1205, Cancel);
        Assert.False(second.HasMore);

        first.Send([0, 5, 0, 0, 0]);
        await server.Log.WaitForAsync(1202, Cancel);
        second.Request("loader");
        Assert.Equal(1, (await second.NextBlockAsync(Cancel)).Block);
    }

    [Fact]
    public async Task Ports_OfARange_AreKeptTo()
    {
        var free = FreePort();
        await using var server = new LoopbackTftp(new TftpOptions { FirstPort = free, LastPort = free });
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader");
        await client.NextBlockAsync(Cancel);
        Assert.Equal(free, client.Server.Port);
    }

    [Fact]
    public async Task Stop_InTheMiddle_EndsTheTransfer()
    {
        var server = new LoopbackTftp();
        using var client = new RawTftpClient(server.EndPoint);
        client.Request("loader");
        await client.NextBlockAsync(Cancel);

        await server.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), Cancel); // the client's silence would take half a minute

        await client.ClosedAsync(Cancel);
    }

    private string Out => Path.Combine(folder, "out");

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Reads as RFC 7440 asks: acknowledges each whole window, and at once when a block is missing.</summary>
    private static async Task<byte[]> ReadAsync(RawTftpClient client, int windowSize, int lost = 0)
    {
        var file = new List<byte>();
        client.Ack(0);
        for (var expected = 1; ;)
        {
            var (block, data) = await client.NextBlockAsync(Cancel);
            if (block == lost)
                lost = 0;
            else if (block == expected)
            {
                file.AddRange(data);
                if (block % windowSize == 0 || data.Length < 1468)
                    client.Ack(block);
                if (data.Length < 1468)
                    return [.. file];
                expected++;
            }
            else
                client.Ack(expected - 1);
        }
    }

    private Task CurlAsync(int port, string file, int blockSize) =>
        RunAsync("curl", "-sS", "--max-time", "60", "--tftp-blksize", $"{blockSize}", "-o", Out, $"tftp://127.0.0.1:{port}/{file}");

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync(Cancel);
        try
        {
            await process.WaitForExitAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(90), Cancel);
        }
        catch (TimeoutException late)
        {
            process.Kill();
            throw new TimeoutException($"{program} did not end within 90 s", late);
        }
        Assert.True(process.ExitCode == 0, $"{program}: exit code {process.ExitCode}: {await errors}");
    }
}
