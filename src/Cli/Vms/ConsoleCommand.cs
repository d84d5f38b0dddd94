using System.Net.WebSockets;
using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Vms;

/// <summary><c>conductor vm console</c>: this terminal becomes the VM's serial one.</summary>
internal static class ConsoleCommand
{
    private const int BufferBytes = 16 << 10;

    /// <summary>Ctrl-], as telnet and virsh have it.</summary>
    private const byte Leave = 0x1d;

    public static Verb Create()
    {
        var name = VmReference.Argument();
        return new Verb(
            "console",
            "Opens a VM's serial console on this terminal; Ctrl-] leaves it, and the VM runs on. Where standard input is no terminal, it is typed, and the console is shown until the VM ends.",
            "conductor vm console kvm1/web",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var found = await VmReference.FindAsync(conductor, call.Require(name), cancel);
                using var socket = await conductor.OpenVmConsoleAsync(found.Runner, found.Vm, VmView.Serial, cancel);
                await ShowAsync(call, found, socket, cancel);
                return ExitCodes.Done;
            })
        {
            name,
        };
    }

    private static async Task ShowAsync(Invocation call, VmReference vm, WebSocket socket, CancellationToken cancel)
    {
        var console = call.Shell.OpenBytes();
        var why = console.Terminal is null ? null : "Ctrl-] leaves";
        call.Shell.Errors.Line($"Connected to {vm}{(why is null ? "" : $"; {why}, and it runs on. Enter shows where it stands")}.");
        bool left;
        using (console.Terminal is null ? null : new RawTerminal(console.Terminal))
        using (var over = CancellationTokenSource.CreateLinkedTokenSource(cancel))
        {
            var shown = ShowAsync(socket, console.Out, over.Token);
            // A read of a terminal cannot be taken back: it is left behind, and ends with the process.
            var typed = TypeAsync(console, socket, over.Token);
            left = await Task.WhenAny(shown, typed) == typed && typed.IsCompletedSuccessfully && await typed;
            if (left)
                await over.CancelAsync();
            await EndAsync(shown);
        }
        // In a line of its own: the console's last one may not have ended.
        if (console.Terminal is not null)
            call.Shell.Errors.Line();
        cancel.ThrowIfCancellationRequested();
        call.Shell.Errors.Line(left ? $"Left the console of {vm}; it runs on." : $"The console of {vm} has ended.");
        if (!left && socket.CloseStatus is not (WebSocketCloseStatus.NormalClosure or WebSocketCloseStatus.Empty))
            throw new Failure(ExitCodes.Failed, new Rejection($"The console of {vm} broke off: {Printable.Of(socket.CloseStatusDescription ?? "the connection to the conductor is gone")}", $"'conductor vm show {vm}' shows how it is; open it again when it runs."));
    }

    /// <summary>Ends when the other end does.</summary>
    private static async Task ShowAsync(WebSocket socket, Stream to, CancellationToken cancel)
    {
        var buffer = new byte[BufferBytes];
        while (true)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(), cancel);
            if (read.MessageType == WebSocketMessageType.Close)
                return;
            await to.WriteAsync(buffer.AsMemory(0, read.Count), cancel);
            await to.FlushAsync(cancel);
        }
    }

    /// <summary>True when its user has left. The end of an input that is no terminal ends nothing: the answer to it is still to come.</summary>
    private static async Task<bool> TypeAsync(ByteConsole console, WebSocket socket, CancellationToken cancel)
    {
        var buffer = new byte[BufferBytes];
        int count;
        // On a thread of its own where it blocks, as reads of a terminal do.
        while ((count = await Task.Run(() => console.In.Read(buffer), CancellationToken.None)) > 0)
        {
            var leave = console.Terminal is null ? -1 : buffer.AsSpan(0, count).IndexOf(Leave);
            var typed = buffer.AsMemory(0, leave < 0 ? count : leave);
            if (typed.Length > 0)
                await socket.SendAsync(typed, WebSocketMessageType.Binary, endOfMessage: true, cancel);
            if (leave >= 0)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancel);
                return true;
            }
        }
        if (console.Terminal is not null)
            return true;
        await Task.Delay(Timeout.Infinite, cancel);
        return false;
    }

    private static async Task EndAsync(Task shown)
    {
        try
        {
            await shown;
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // That it broke off, and why, is told by how the socket was closed; who left does not need to know.
        }
    }
}
