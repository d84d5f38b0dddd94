using System.Net.Sockets;
using System.Text.Json;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>
/// QEMU's machine protocol (docs/interop/qmp-spec.txt in its tree), as far as it is needed here: commands without arguments, and the events that tell
/// what the guest did.
/// </summary>
internal sealed class QemuMonitor : IDisposable
{
    private readonly Socket _socket;
    private readonly StreamReader _reader;

    private QemuMonitor(Socket socket)
    {
        _socket = socket;
        _reader = new StreamReader(new NetworkStream(socket));
    }

    /// <summary>Connects as soon as QEMU listens.</summary>
    public static async Task<QemuMonitor> OpenAsync(string path, CancellationToken cancel)
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                var monitor = new QemuMonitor(socket);
                monitor.Send("qmp_capabilities");
                return monitor;
            }
            catch (SocketException)
            {
                socket.Dispose();
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancel);
            }
        }
    }

    /// <summary>Whether QEMU took it is seen in what happens.</summary>
    public void Send(string command)
    {
        try
        {
            _socket.Send(System.Text.Encoding.ASCII.GetBytes($"{{\"execute\":\"{command}\"}}\n"));
        }
        catch (SocketException)
        {
            // It has ended, which is seen as well.
        }
    }

    /// <summary>Names of events until QEMU ends.</summary>
    public async IAsyncEnumerable<string> EventsAsync()
    {
        while (await ReadLineAsync() is { } line)
        {
            if (NameOf(line) is { } name)
                yield return name;
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }

    // A guest that has taken QEMU over may say anything here.
    private static string? NameOf(string line)
    {
        try
        {
            using var message = JsonDocument.Parse(line);
            return message.RootElement.TryGetProperty("event", out var name) ? name.GetString()
                : message.RootElement.TryGetProperty("error", out var error) ? $"error: {error.GetProperty("desc").GetString()}"
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return "error: what QEMU says is none of its protocol";
        }
    }

    private async Task<string?> ReadLineAsync()
    {
        try
        {
            return await _reader.ReadLineAsync();
        }
        catch (IOException)
        {
            return null;
        }
    }
}
