using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Baremetal.Lab;

/// <summary>One time that a virtual server is switched on: a QEMU process, its monitor and its serial line.</summary>
internal sealed class QemuProcess : IAsyncDisposable
{
    // A second or less; many times that when every core emulates another server.
    private static readonly TimeSpan StartBound = TimeSpan.FromMinutes(2);

    private readonly LabProcess process;
    private readonly Qmp monitor;
    private readonly Socket serial;
    private readonly Task listening;

    private QemuProcess(LabProcess process, Qmp monitor, Socket serial, Transcript said)
    {
        this.process = process;
        this.monitor = monitor;
        this.serial = serial;
        listening = ListenAsync(serial, said);
    }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public Qmp Monitor => monitor;

    /// <summary>Waits until QEMU has ended, and until all that its guest said has been read.</summary>
    public async Task WaitForExitAsync(TimeSpan bound, CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(bound, cancellationToken);
        await listening.WaitAsync(cancellationToken);
    }

    /// <summary>Starts QEMU with the guest stopped at its first instruction.</summary>
    public static async Task<QemuProcess> StartAsync(
        LanHost host, string name, VirtualServerFiles files, IReadOnlyList<string> command, Transcript said, Action<QmpEvent> onEvent, CancellationToken cancellationToken)
    {
        using var monitorListener = Listen(files.MonitorSocket);
        using var serialListener = Listen(files.SerialSocket);
        var started = host.Launch($"QEMU of {name}", command, files.QemuLog);
        Socket? line = null;
        try
        {
            using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            bounded.CancelAfter(StartBound);
            line = await AcceptAsync(serialListener, started, bounded.Token);
            var connection = new NetworkStream(await AcceptAsync(monitorListener, started, bounded.Token), ownsSocket: true);
            return new QemuProcess(started, await Qmp.OpenAsync(connection, onEvent, bounded.Token), line, said);
        }
        catch (Exception error)
        {
            line?.Dispose();
            await started.DisposeAsync();
            if (error is OperationCanceledException or IOException && !cancellationToken.IsCancellationRequested)
                throw new InvalidOperationException($"QEMU of {name} did not start: {string.Join(' ', started.Output.Tail(5))} (its whole output is in {files.QemuLog}).", error);
            throw;
        }
    }

    public Task SetNicBootIndexAsync(int bootIndex, CancellationToken cancellationToken) =>
        monitor.ExecuteAsync("qom-set", new JsonObject { ["path"] = QemuCommand.NicPath, ["property"] = "bootindex", ["value"] = bootIndex }, cancellationToken);

    public Task SendBreakAsync(CancellationToken cancellationToken) =>
        monitor.ExecuteAsync("chardev-send-break", new JsonObject { ["id"] = "serial" }, cancellationToken);

    public async Task TypeAsync(string text, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> bytes = Encoding.UTF8.GetBytes(text);
        while (!bytes.IsEmpty)
            bytes = bytes[await serial.SendAsync(bytes, cancellationToken)..];
    }

    /// <summary>Ends QEMU in the middle of whatever it does.</summary>
    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        await listening;
        await monitor.DisposeAsync();
        serial.Dispose();
    }

    private static Socket Listen(string path)
    {
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        return listener;
    }

    // QEMU that ends at once (a bad option, no memory) never connects.
    private static async Task<Socket> AcceptAsync(Socket listener, LabProcess process, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var accepted = listener.AcceptAsync(either.Token).AsTask();
        if (await Task.WhenAny(accepted, process.Ended) != accepted)
            await either.CancelAsync();
        return await accepted;
    }

    // The line ends with QEMU. What it said last is read to the end before the server counts as off.
    private static async Task ListenAsync(Socket serial, Transcript said)
    {
        var buffer = new byte[4096];
        try
        {
            while (await serial.ReceiveAsync(buffer) is var count and > 0)
                said.Append(buffer.AsSpan(0, count));
        }
        catch (SocketException)
        {
            // A killed QEMU resets the connection.
        }
        said.BreakLine();
    }
}
