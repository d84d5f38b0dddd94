using System.Net.Sockets;
using System.Text;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>A VM in its container.</summary>
internal sealed class VmContainer(VmHost host, string id, string name, string address)
{
    // A boot takes seconds; emulated on a busy machine, minutes.
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(5);

    public string Name => name;

    public string Address => address;

    /// <summary>Where its display and console listen, as it says it.</summary>
    public string Doors => Path.Combine(host.Shared, id);

    /// <summary>Waits until the guest has said a line with these words on its serial console, and returns it.</summary>
    public Task<string> SaysAsync(string words) => UntilAsync(
        async () => (await ConsoleAsync()).Split('\n').Select(line => line.TrimEnd('\r')).LastOrDefault(line => line.Contains(words, StringComparison.Ordinal))
            ?? (await IsOverAsync() ? throw new InvalidOperationException($"{name} ended before its guest said '{words}'. The container said:\n{await LogsAsync()}") : null),
        $"the guest of {name} to say '{words}'");

    /// <summary>All that it said.</summary>
    public async Task<string> ConsoleAsync()
    {
        var volume = (await host.InspectAsync(name)).GetProperty("Mounts").EnumerateArray().First(mount => mount.GetProperty("Destination").GetString() == "/image").GetProperty("Source").GetString()!;
        var log = Path.Combine(volume, "console.log");
        return File.Exists(log) ? await File.ReadAllTextAsync(log) : "";
    }

    /// <summary>What the container said, both of its streams.</summary>
    public async Task<string> LogsAsync()
    {
        var (output, errors) = await host.PodmanBothAsync("logs", name);
        return output + errors;
    }

    /// <summary>Waits for the container's end.</summary>
    public async Task<int> ExitCodeAsync()
    {
        var state = await UntilAsync(async () => (await host.InspectAsync(name)).GetProperty("State") is var now && now.GetProperty("Status").GetString() == "exited" ? now.GetRawText() : null, $"{name} to end");
        return System.Text.Json.JsonDocument.Parse(state).RootElement.GetProperty("ExitCode").GetInt32();
    }

    /// <summary>What comes first from one of its sockets.</summary>
    public async Task<string> FirstOfAsync(string door)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(Doors, door)));
        var buffer = new byte[12];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
    }

    private async Task<bool> IsOverAsync() => (await host.InspectAsync(name)).GetProperty("State").GetProperty("Status").GetString() == "exited";

    private async Task<string> UntilAsync(Func<Task<string?>> look, string what)
    {
        using var bounded = new CancellationTokenSource(_bound);
        while (true)
        {
            if (await look() is { } found)
                return found;
            if (bounded.IsCancellationRequested)
                throw new TimeoutException($"Waited {_bound.TotalMinutes} min for {what}. The container said:\n{await LogsAsync()}\nThe console:\n{await ConsoleAsync()}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);
        }
    }
}
