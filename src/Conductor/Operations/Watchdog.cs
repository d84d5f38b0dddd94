using System.Net.Sockets;
using System.Text;
using Baremetal.Conductor.Jobs;

namespace Baremetal.Conductor.Operations;

/// <summary>
/// systemd's notify protocol (sd_notify(3)): ready when all is served, and a beat for its watchdog only while the worker's loop comes
/// round. A timer alone would hide a hang.
/// </summary>
internal sealed class Watchdog(Worker worker, TimeProvider time) : BackgroundService
{
    /// <summary>The loop comes round every second; a transaction on a disk that stalls may take some.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 0 } path)
            return;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        // '@' stands for the zero byte of an abstract name.
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path), stoppingToken);
        void Say(string state) => socket.Send(Encoding.ASCII.GetBytes(state));

        Say("READY=1");
        var beat = long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), out var microseconds) ? TimeSpan.FromMicroseconds(microseconds) / 2 : Timeout.InfiniteTimeSpan;
        try
        {
            while (true)
            {
                await Task.Delay(beat, time, stoppingToken);
                if (worker.SinceTick < Patience)
                    Say("WATCHDOG=1");
            }
        }
        catch (OperationCanceledException)
        {
            Say("STOPPING=1");
        }
    }
}
