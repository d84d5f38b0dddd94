using System.Net.Sockets;
using System.Text;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

/// <summary>A socket of the test's own stands where QEMU's serial line is.</summary>
public sealed class GuestConsoleTests : IAsyncDisposable
{
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("baremetal-test-");
    private readonly Socket _qemu = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task _serving;

    public GuestConsoleTests()
    {
        _qemu.Bind(new UnixDomainSocketEndPoint(At("serial")));
        _qemu.Listen();
        _serving = new GuestConsole(At("serial"), At("console.log"), At("console")).ServeAsync();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _qemu.Dispose();
        await _serving.WaitAsync(_bound);
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Guest_SaysSomethingToNobody_IsKept()
    {
        using (var line = await _qemu.AcceptAsync(Cancel))
            await line.SendAsync("first words\r\n"u8.ToArray());

        await _serving.WaitAsync(_bound, Cancel);

        Assert.Equal("first words\r\n", await File.ReadAllTextAsync(At("console.log"), Cancel));
    }

    [Fact]
    public async Task Guest_SaysMoreThanIsKept_LosesTheOlder()
    {
        using (var line = await _qemu.AcceptAsync(Cancel))
        {
            for (var megabyte = 'a'; megabyte < 'e'; megabyte++)
                await line.SendAsync(Encoding.ASCII.GetBytes(new string(megabyte, 1 << 20)));
        }

        await _serving.WaitAsync(_bound, Cancel);

        var kept = await File.ReadAllTextAsync(At("console.log.1"), Cancel) + await File.ReadAllTextAsync(At("console.log"), Cancel);
        Assert.InRange(kept.Length, 1 << 20, 2 << 20);
        Assert.EndsWith(new string('d', 1 << 20), kept, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watcher_TypesAndListens_IsHeardAndTold()
    {
        using var line = await _qemu.AcceptAsync(Cancel);
        using var watcher = await WatchAsync();

        await watcher.SendAsync("root\n"u8.ToArray());

        // Who is heard is among the watchers.
        Assert.Equal("root\n", await ReadAsync(line, 5));
        await line.SendAsync("# "u8.ToArray());
        Assert.Equal("# ", await ReadAsync(watcher, 2));
    }

    [Fact]
    public async Task Watcher_DoesNotRead_IsLetGoAndHoldsUpNobody()
    {
        using var line = await _qemu.AcceptAsync(Cancel);
        using var slow = await WatchAsync();
        using var other = await WatchAsync();
        foreach (var watcher in new[] { slow, other })
        {
            await watcher.SendAsync("x"u8.ToArray());
            Assert.Equal("x", await ReadAsync(line, 1));
        }

        // More than any socket's buffer holds, at the pace of the one that reads.
        var piece = Encoding.ASCII.GetBytes(new string('y', 8 << 10));
        for (var i = 0; i < 512; i++)
        {
            await line.SendAsync(piece);
            await ReadAsync(other, piece.Length);
        }

        long left = 0;
        int read;
        var buffer = new byte[64 << 10];
        while ((read = await slow.ReceiveAsync(buffer).WaitAsync(_bound, Cancel)) > 0)
            left += read;
        Assert.InRange(left, 1, (512 * piece.Length) - 1);
    }

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private async Task<Socket> WatchAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(At("console")), Cancel);
        return socket;
    }

    private static async Task<string> ReadAsync(Socket socket, int length)
    {
        var buffer = new byte[length];
        for (var read = 0; read < length;)
        {
            var more = await socket.ReceiveAsync(buffer.AsMemory(read)).AsTask().WaitAsync(_bound, Cancel);
            Assert.NotEqual(0, more);
            read += more;
        }
        return Encoding.ASCII.GetString(buffer);
    }
}
