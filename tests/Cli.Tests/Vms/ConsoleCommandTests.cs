using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Cli.Tests.Display;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Vms;

public sealed class ConsoleCommandTests
{
    private static Task<TestConductor> WithConsoleAsync(Func<WebSocket, Task> guest) => TestConductor.StartAsync(app =>
    {
        app.UseWebSockets();
        app.MapGet(Routes.VmConsole, async (HttpContext context) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await guest(socket);
        });
    });

    private static Task SayAsync(WebSocket socket, string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);

    // What is typed comes back in upper case, until the other end closes.
    private static async Task EchoAsync(WebSocket socket)
    {
        await SayAsync(socket, "login: ");
        var buffer = new byte[1024];
        while (await socket.ReceiveAsync(buffer.AsMemory(), TestContext.Current.CancellationToken) is { MessageType: not WebSocketMessageType.Close, Count: var count })
            await SayAsync(socket, Encoding.UTF8.GetString(buffer, 0, count).ToUpperInvariant());
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
    }

    private static ByteConsole On(Pty terminal)
    {
        var stream = new FileStream(terminal.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        return new ByteConsole(stream, stream, terminal.Path);
    }

    [Fact]
    public async Task Console_OnATerminal_PassesEachKeyAndLeavesByItsKeyWithTheTerminalAsItWas()
    {
        await using var conductor = await WithConsoleAsync(EchoAsync);
        using var terminal = new Pty();
        var run = CommandRun.Of(conductor.Operator with { Bytes = On(terminal) }, "vm", "console", "kvm1/web");

        terminal.ReadUntil("login: ");
        // Neither a line's end nor a terminal's own keys are needed: Ctrl-C goes to the guest.
        terminal.Type("a");
        Assert.Equal("A", terminal.ReadUntil("A"));
        terminal.Type("\u0003b");
        Assert.Equal("\u0003B", terminal.ReadUntil("B"));
        terminal.Type("\u001d");

        var ended = await run;
        Assert.Equal(ExitCodes.Done, ended.ExitCode);
        Assert.Contains("Ctrl-] leaves", ended.Error, StringComparison.Ordinal);
        Assert.Contains("Left the console of kvm1/web; it runs on.", ended.Error, StringComparison.Ordinal);
        terminal.Type("shown\n");
        Assert.EndsWith("shown\r\n", terminal.ReadUntil("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Console_ThatTheConductorEnds_SaysWhyAndTheTerminalIsAsItWas()
    {
        await using var conductor = await WithConsoleAsync(async socket =>
        {
            await SayAsync(socket, "bye");
            await socket.CloseAsync(WebSocketCloseStatus.InternalServerError, "The VM \u001b[2J has ended.", TestContext.Current.CancellationToken);
        });
        using var terminal = new Pty();

        var run = await CommandRun.Of(conductor.Operator with { Bytes = On(terminal) }, "vm", "console", "kvm1/web");

        Assert.Contains("broke off: The VM ?[2J has ended.", run.EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
        terminal.ReadUntil("bye");
        terminal.Type("shown\n");
        Assert.EndsWith("shown\r\n", terminal.ReadUntil("\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Console_WithoutATerminal_TypesItsInputAndShowsAllTillTheEnd()
    {
        await using var conductor = await WithConsoleAsync(async socket =>
        {
            var buffer = new byte[1024];
            var read = await socket.ReceiveAsync(buffer.AsMemory(), TestContext.Current.CancellationToken);
            await SayAsync(socket, $"heard {Encoding.UTF8.GetString(buffer, 0, read.Count)}");
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
        });
        using var output = new MemoryStream();
        // What leaves a terminal is a byte like others here.
        using var input = new MemoryStream("po\u001dweroff\n"u8.ToArray());

        var run = await CommandRun.Of(conductor.Operator with { Bytes = new ByteConsole(input, output, null) }, "vm", "console", "kvm1/web");

        Assert.Equal((ExitCodes.Done, "heard po\u001dweroff\n"), (run.ExitCode, Encoding.UTF8.GetString(output.ToArray())));
        Assert.Contains("The console of kvm1/web has ended.", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Console_WhoseConnectionBreaks_IsAFailure()
    {
        await using var conductor = await WithConsoleAsync(async socket =>
        {
            await socket.ReceiveAsync(new byte[16].AsMemory(), TestContext.Current.CancellationToken);
            socket.Abort();
        });
        var input = new Pipe();
        await input.Writer.WriteAsync("x"u8.ToArray(), TestContext.Current.CancellationToken);

        var run = await CommandRun.Of(conductor.Operator with { Bytes = new ByteConsole(input.Reader.AsStream(), Stream.Null, null) }, "vm", "console", "kvm1/web");

        Assert.Contains("the connection to the conductor is gone", run.EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
        await input.Writer.CompleteAsync();
    }

    [Fact]
    public async Task Console_ThatIsRefused_HasTheConductorsWords()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.VmConsole, () => TestConductor.Refuse(504, "Runner kvm1 did not come within 20 s to show VM web.", "Try again.")));

        Assert.Equal(
            "error: Runner kvm1 did not come within 20 s to show VM web. hint: Try again.",
            (await conductor.RunAsync("vm", "console", "kvm1/web")).EndedWith(ExitCodes.Failed));
    }
}
