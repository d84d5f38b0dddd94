using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Runners.Streams;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Runners;

/// <summary>Logs and consoles, over real sockets from the operator to the runner.</summary>
public sealed class StreamTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private sealed record World(TestConductor Conductor, TestRunner Runner) : IAsyncDisposable
    {
        public static async Task<World> StartAsync()
        {
            var conductor = await TestConductor.StartAsync();
            var runner = await TestRunner.StartAsync(conductor);
            await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("web", TestRunner.Image), None);
            return new World(conductor, runner);
        }

        public Task<WebSocket> ConsoleAsync(VmView view = VmView.Serial) => Conductor.Operator.OpenVmConsoleAsync("kvm1", "web", view, None);

        public async Task<(WebSocket Operator, WebSocket Runner)> OpenAsync()
        {
            var console = ConsoleAsync();
            var (_, socket) = await Runner.TakeStreamAsync();
            return (await Until.DoneAsync(console, "the console"), socket);
        }

        public async ValueTask DisposeAsync()
        {
            Runner.Dispose();
            await Conductor.DisposeAsync();
        }
    }

    private static async Task<Problem> RefusedAsync(int status, Func<Task> call)
    {
        var problem = (await Assert.ThrowsAsync<ProblemException>(call)).Problem;
        Assert.Equal(status, problem.Status);
        return problem;
    }

    private static Task SayAsync(WebSocket socket, byte[] bytes) => socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, None);

    private static async Task<byte[]> HearAsync(WebSocket socket, int count)
    {
        var heard = new byte[count];
        for (var at = 0; at < count;)
        {
            var read = await Until.DoneAsync(socket.ReceiveAsync(heard.AsMemory(at), None).AsTask(), $"{count} bytes, of which {at} came");
            Assert.NotEqual(WebSocketMessageType.Close, read.MessageType);
            at += read.Count;
        }
        return heard;
    }

    private static async Task<(WebSocketCloseStatus?, string?)> HearCloseAsync(WebSocket socket)
    {
        var read = await Until.DoneAsync(socket.ReceiveAsync(new byte[1 << 10].AsMemory(), None).AsTask(), "the other end's close");
        Assert.Equal(WebSocketMessageType.Close, read.MessageType);
        return (socket.CloseStatus, socket.CloseStatusDescription);
    }

    [Theory]
    [InlineData(VmView.Serial)]
    [InlineData(VmView.Vnc)]
    public async Task Console_CarriesBytesBothWaysAsTheyAre(VmView view)
    {
        await using var world = await World.StartAsync();
        var asked = world.ConsoleAsync(view);
        var (order, runner) = await world.Runner.TakeStreamAsync();
        using var console = await Until.DoneAsync(asked, "the console");
        Assert.Equal(view, order.Kind);
        Assert.Equal((await world.Conductor.Operator.GetVmAsync("kvm1", "web", None)).Id, order.Vm);
        Assert.Matches("^[0-9a-f]{32}$", order.Id);

        var bytes = Enumerable.Range(0, 300_000).Select(number => (byte)(number * 7)).ToArray();
        var (said, heard) = (SayAsync(runner, bytes), HearAsync(console, bytes.Length));
        Assert.Equal(bytes, await heard);
        await said;
        (said, heard) = (SayAsync(console, bytes), HearAsync(runner, bytes.Length));
        Assert.Equal(bytes, await heard);
        await said;
    }

    [Fact]
    public async Task Console_ClosedByEitherEnd_IsClosedAtTheOtherWithItsWords()
    {
        await using var world = await World.StartAsync();
        var (console, runner) = await world.OpenAsync();
        await console.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, None);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, (await HearCloseAsync(runner)).Item1);
        console.Dispose();

        (console, runner) = await world.OpenAsync();
        await runner.CloseOutputAsync(WebSocketCloseStatus.InternalServerError, "The VM has ended.", None);
        Assert.Equal((WebSocketCloseStatus.InternalServerError, "The VM has ended."), await HearCloseAsync(console));
        console.Dispose();
    }

    [Fact]
    public async Task Console_ThatBreaksOffAtOneEnd_EndsAtTheOther()
    {
        await using var world = await World.StartAsync();
        var (console, runner) = await world.OpenAsync();
        runner.Abort();
        Assert.Equal((WebSocketCloseStatus.EndpointUnavailable, "The other end broke off."), await HearCloseAsync(console));
        console.Dispose();

        (console, runner) = await world.OpenAsync();
        console.Abort();
        Assert.Equal((WebSocketCloseStatus.EndpointUnavailable, "The other end broke off."), await HearCloseAsync(runner));
        console.Dispose();
    }

    [Fact]
    public async Task Console_WhoseReaderStands_HoldsItsWriterUp()
    {
        await using var world = await World.StartAsync();
        var (console, runner) = await world.OpenAsync();
        // More than all buffers between the two: were they not bounded, all of it would go.
        const int Pieces = 64;
        var piece = new byte[1 << 20];
        var sent = 0;
        var writing = Task.Run(async () =>
        {
            for (; sent < Pieces; sent++)
                await SayAsync(runner, piece);
        }, None);
        var before = -1;
        await Until.TrueAsync(async () =>
        {
            var now = Volatile.Read(ref sent);
            var stands = now > 0 && now == before;
            before = now;
            await Task.Delay(500, None);
            return stands && !writing.IsCompleted;
        }, "the writer to stand");
        Assert.InRange(sent, 1, Pieces - 20);
        // And it goes on where it stood.
        for (var got = 0; got < Pieces; got++)
            await HearAsync(console, piece.Length);
        await Until.TrueAsync(() => Task.FromResult(writing.IsCompletedSuccessfully), "the writer's end");
        console.Dispose();
    }

    [Fact]
    public async Task Logs_AreTheRunnersTextToItsEnd()
    {
        await using var world = await World.StartAsync();
        foreach (var view in new[] { VmView.Logs, VmView.ConsoleLog })
        {
            using var text = new MemoryStream();
            var copying = world.Conductor.Operator.CopyVmTextAsync("kvm1", "web", view, text, None);
            var (order, runner) = await world.Runner.TakeStreamAsync();
            Assert.Equal(view, order.Kind);
            await SayAsync(runner, "one\n"u8.ToArray());
            await SayAsync(runner, "two\n"u8.ToArray());
            await runner.CloseAsync(WebSocketCloseStatus.NormalClosure, null, None);
            await Until.TrueAsync(() => Task.FromResult(copying.IsCompleted), "the text's end");
            await copying;
            Assert.Equal("one\ntwo\n", Encoding.UTF8.GetString(text.ToArray()));
        }
    }

    [Fact]
    public async Task Logs_ThatTheRunnerCannotShow_AreAProblemInItsWords()
    {
        await using var world = await World.StartAsync();
        var copying = world.Conductor.Operator.CopyVmTextAsync("kvm1", "web", VmView.Logs, Stream.Null, None);
        var (_, runner) = await world.Runner.TakeStreamAsync();
        await runner.CloseOutputAsync(WebSocketCloseStatus.InternalServerError, "There is no container \u001b[2J of it.", None);
        Assert.Contains("There is no container ?[2J of it.", (await RefusedAsync(502, () => copying)).Title, StringComparison.Ordinal);

        copying = world.Conductor.Operator.CopyVmTextAsync("kvm1", "web", VmView.Logs, Stream.Null, None);
        (_, runner) = await world.Runner.TakeStreamAsync();
        runner.Abort();
        await RefusedAsync(502, () => copying);
    }

    [Fact]
    public async Task Logs_ThatBreakOff_DoNotLookWhole()
    {
        await using var world = await World.StartAsync();
        using var text = new MemoryStream();
        var copying = world.Conductor.Operator.CopyVmTextAsync("kvm1", "web", VmView.Logs, text, None);
        var (_, runner) = await world.Runner.TakeStreamAsync();
        await SayAsync(runner, "one\n"u8.ToArray());
        await Until.TrueAsync(() => Task.FromResult(text.Length > 0), "the first line");
        runner.Abort();
        Assert.Contains("broke off", (await RefusedAsync(0, () => copying)).Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_WhoseReaderGoes_EndAtTheRunner()
    {
        await using var world = await World.StartAsync();
        using var leave = new CancellationTokenSource();
        var copying = world.Conductor.Operator.CopyVmTextAsync("kvm1", "web", VmView.Logs, Stream.Null, leave.Token);
        var (_, runner) = await world.Runner.TakeStreamAsync();
        await SayAsync(runner, "one\n"u8.ToArray());
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => copying);
        await Assert.ThrowsAsync<WebSocketException>(() => Until.DoneAsync(runner.ReceiveAsync(new byte[16].AsMemory(), None).AsTask(), "the stream's end"));
    }

    [Fact]
    public async Task Stream_ThatTheRunnerDoesNotTake_IsATimeoutInWords()
    {
        await using var world = await World.StartAsync();
        var asked = world.ConsoleAsync();
        var order = await world.Runner.NextStreamAsync();
        Assert.Equal("Runner kvm1 did not come within 20 s to show VM web.", (await RefusedAsync(504, () => asked)).Title);
        // And too late is too late.
        await RefusedStreamAsync(world.Runner, order.Id);
    }

    [Fact]
    public async Task Stream_IsTakenOnceAndByTheRunnerThatWasAsked()
    {
        await using var world = await World.StartAsync();
        using var other = await TestRunner.StartAsync(world.Conductor, "kvm2");
        var asked = world.ConsoleAsync();
        var order = await world.Runner.NextStreamAsync();
        await RefusedStreamAsync(other, order.Id);
        using var socket = await world.Runner.Client.OpenStreamAsync(order.Id, None);
        using var console = await Until.DoneAsync(asked, "the console");
        await RefusedStreamAsync(world.Runner, order.Id);
        await RefusedStreamAsync(world.Runner, new string('0', 32));
        await SayAsync(socket, [1]);
        Assert.Equal([1], await HearAsync(console, 1));
    }

    [Fact]
    public async Task Streams_OfOneRunner_AreBoundedAndTheirPlacesComeBack()
    {
        await using var world = await World.StartAsync();
        var open = new List<(WebSocket Operator, WebSocket Runner)>();
        for (var number = 0; number < OpenStreams.MostOfARunner; number++)
            open.Add(await world.OpenAsync());
        Assert.Contains("16 consoles and logs of runner kvm1", (await RefusedAsync(429, () => world.ConsoleAsync())).Title, StringComparison.Ordinal);
        await open[0].Operator.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, None);
        await HearCloseAsync(open[0].Runner);
        await open[0].Runner.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, None);
        await HearCloseAsync(open[0].Operator);
        (WebSocket Operator, WebSocket Runner)? again = null;
        await Until.TrueAsync(async () =>
        {
            try
            {
                again = await world.OpenAsync();
                return true;
            }
            catch (ProblemException e) when (e.Problem.Status == 429)
            {
                return false;
            }
        }, "a place");
        again!.Value.Operator.Dispose();
        open.ForEach(pair => pair.Operator.Dispose());
    }

    [Fact]
    public async Task Streams_EndWithTheirRunnersRemovalAndWithTheHost()
    {
        await using var world = await World.StartAsync();
        var (console, _) = await world.OpenAsync();
        await world.Conductor.Operator.RemoveRunnerAsync("kvm1", force: true, None);
        await EndsAsync(console);

        using var other = await TestRunner.StartAsync(world.Conductor, "kvm2");
        await world.Conductor.Operator.CreateVmAsync("kvm2", new CreateVm("web", TestRunner.Image), None);
        var asked = world.Conductor.Operator.OpenVmConsoleAsync("kvm2", "web", VmView.Serial, None);
        await other.TakeStreamAsync();
        var second = await Until.DoneAsync(asked, "the console");
        await world.Conductor.StopAsync();
        await EndsAsync(second);
    }

    [Fact]
    public async Task Console_OfALostRunnerOrWithoutAWebSocketOrToken_IsRefusedInWords()
    {
        await using var world = await World.StartAsync();
        var path = Routes.For(Routes.VmConsole, "kvm1", "web");
        Assert.Contains("is a WebSocket", (await world.Conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, path))).GetProperty("title").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, await world.Conductor.StatusAsync(new HttpRequestMessage(HttpMethod.Get, $"{path}?kind=telepathy")));
        Assert.Equal(HttpStatusCode.Unauthorized, await world.Conductor.StatusAsync(new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", "no") } }));
        await RefusedAsync(404, () => world.Conductor.Operator.OpenVmConsoleAsync("kvm1", "db", VmView.Serial, None));
        await RefusedAsync(401, () => world.Conductor.Connect($"bm1_00000000_{new string('0', 64)}").OpenVmConsoleAsync("kvm1", "web", VmView.Serial, None));
        world.Conductor.Clock.Jump(TimeSpan.FromMinutes(2));
        Assert.Equal("urn:baremetal:problem:runner-lost", (await RefusedAsync(409, () => world.ConsoleAsync())).Type);
    }

    private static async Task RefusedStreamAsync(TestRunner runner, string stream) =>
        Assert.Contains("404", (await Assert.ThrowsAsync<WebSocketException>(() => runner.Client.OpenStreamAsync(stream, None))).Message, StringComparison.Ordinal);

    private static async Task EndsAsync(WebSocket socket)
    {
        using (socket)
        {
            try
            {
                await HearCloseAsync(socket);
            }
            catch (WebSocketException)
            {
                // Cut off is an end too.
            }
        }
    }
}
