using System.Net.Sockets;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>
/// The guest's serial console: what it says is kept in a file of bounded size, whether or not anybody looks, and given to whoever is connected.
/// </summary>
internal sealed class GuestConsole(string qemu, string log, string listener)
{
    // What a boot says fits many times; a guest that says more loses the older half.
    private const long MostBytes = 2 << 20;

    private readonly Lock _gate = new();
    private readonly List<Socket> _watchers = [];

    /// <summary>Ends with QEMU: its last words are read, too.</summary>
    public async Task ServeAsync()
    {
        using var line = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await line.ConnectAsync(new UnixDomainSocketEndPoint(qemu));
        File.Delete(listener);
        using var door = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        door.Bind(new UnixDomainSocketEndPoint(listener));
        door.Listen();
        var welcoming = WelcomeAsync(door, line);
        var buffer = new byte[16 << 10];
        try
        {
            int read;
            while ((read = await line.ReceiveAsync(buffer)) > 0)
            {
                Keep(buffer.AsSpan(0, read));
                Tell(buffer.AsSpan(0, read));
            }
        }
        catch (SocketException)
        {
            // QEMU was killed.
        }
        door.Dispose();
        await welcoming;
        lock (_gate)
            _watchers.ForEach(watcher => watcher.Dispose());
    }

    // A volume without room costs the log, not the guest.
    private void Keep(ReadOnlySpan<byte> said)
    {
        try
        {
            if (new FileInfo(log) is { Exists: true } file && file.Length + said.Length > MostBytes / 2)
                File.Move(log, log + ".1", overwrite: true);
            using var kept = new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            kept.Write(said);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What comes next is tried again.
        }
    }

    // One that does not read is let go: nobody holds up the guest.
    private void Tell(ReadOnlySpan<byte> said)
    {
        lock (_gate)
        {
            for (var i = _watchers.Count - 1; i >= 0; i--)
            {
                try
                {
                    if (_watchers[i].Send(said) == said.Length)
                        continue;
                }
                catch (SocketException)
                {
                    // Gone, or slow.
                }
                _watchers[i].Dispose();
                _watchers.RemoveAt(i);
            }
        }
    }

    private async Task WelcomeAsync(Socket door, Socket line)
    {
        try
        {
            while (true)
            {
                var watcher = await door.AcceptAsync();
                watcher.Blocking = false;
                lock (_gate)
                    _watchers.Add(watcher);
                _ = TypeAsync(watcher, line);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The guest is gone.
        }
    }

    private static async Task TypeAsync(Socket watcher, Socket line)
    {
        var buffer = new byte[256];
        try
        {
            int read;
            while ((read = await watcher.ReceiveAsync(buffer)) > 0)
                await line.SendAsync(buffer.AsMemory(0, read));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is let go of when it is told something next.
        }
    }
}
