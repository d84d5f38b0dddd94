using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>A VM in its container.</summary>
internal sealed class VmContainer(VmHost host, string id, string name, string address, string mac)
{
    // A boot takes seconds; emulated on a busy machine, minutes.
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(5);

    private int _commands;

    public string Id => id;

    public string Name => name;

    public string Address => address;

    public string Mac => mac;

    /// <summary>Where its display and console listen, as it says it.</summary>
    public string Doors { get; } = Path.Combine(host.Shared, id);

    /// <summary>Waits until the guest has booted so many times and its root's shell asks for commands, and returns what it then said.</summary>
    public async Task<string> ReadyAsync(int boots = 1)
    {
        var line = await SaysAsync("TINY-READY", boots);
        await UntilAsync(async () => await ConsoleAsync() is var said && said.LastIndexOf("# ", StringComparison.Ordinal) > said.LastIndexOf("TINY-READY", StringComparison.Ordinal) ? "" : null, $"the shell of {name}");
        return line;
    }

    /// <summary>Waits until the guest has said a line with these words on its serial console, so many times, and returns the last.</summary>
    public Task<string> SaysAsync(string words, int times = 1) => UntilAsync(
        async () => (await ConsoleAsync()).Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Contains(words, StringComparison.Ordinal)).ElementAtOrDefault(times - 1)
            ?? (await IsOverAsync() ? throw new InvalidOperationException($"{name} ended before its guest said '{words}'. The container said:\n{await LogsAsync()}") : null),
        $"the guest of {name} to say '{words}'");

    /// <summary>What a command prints that is typed into the guest's console, in its root's shell. It must succeed.</summary>
    public async Task<string> ShellAsync(string command)
    {
        var (exitCode, output) = await TryShellAsync(command);
        return exitCode == 0 ? output : throw new InvalidOperationException($"`{command}` failed in the guest of {name} with exit code {exitCode}: {output}");
    }

    /// <summary>The same where the command may fail.</summary>
    public async Task<(int ExitCode, string Output)> TryShellAsync(string command)
    {
        var number = ++_commands;
        // The marks are said by the command alone, not by the echo of what is typed.
        await TypeAsync($"echo BE''GIN-{number}; {command}; echo EN''D-{number}-$?\n");
        Match? found = null;
        await UntilAsync(async () => (found = Answer(number).Match(await ConsoleAsync())).Success ? "" : null, $"the guest of {name} to run `{command}`");
        return (int.Parse(found!.Groups["code"].ValueSpan, CultureInfo.InvariantCulture), found.Groups["output"].Value.ReplaceLineEndings("\n").Trim());
    }

    /// <summary>Types at the guest's console.</summary>
    public async Task TypeAsync(string text)
    {
        using var socket = await ConnectAsync("console");
        await socket.SendAsync(Encoding.ASCII.GetBytes(text));
        // What is typed has gone through when it is echoed: a line's end at least.
        await socket.ReceiveAsync(new byte[1]);
    }

    /// <summary>All that the guest said.</summary>
    public async Task<string> ConsoleAsync()
    {
        var log = Path.Combine(await VolumeAsync(), "console.log");
        if (!File.Exists(log))
            return "";
        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return await reader.ReadToEndAsync();
    }

    /// <summary>Where the guest's disk lies on the host.</summary>
    public async Task<string> VolumeAsync() =>
        (await host.InspectAsync(name)).GetProperty("Mounts").EnumerateArray().First(mount => mount.GetProperty("Destination").GetString() == "/image").GetProperty("Source").GetString()!;

    /// <summary>What the container said, both of its streams.</summary>
    public async Task<string> LogsAsync()
    {
        var (output, errors) = await host.PodmanBothAsync("logs", name);
        return output + errors;
    }

    /// <summary>Waits for the container to say this.</summary>
    public Task LogsSayAsync(string words) => UntilAsync(async () => (await LogsAsync()).Contains(words, StringComparison.Ordinal) ? "" : null, $"{name} to say '{words}'");

    /// <summary>The host's number of the container's first process.</summary>
    public async Task<int> PidAsync() => (await StateAsync()).GetProperty("Pid").GetInt32();

    /// <summary>The host's number of its QEMU, waited for.</summary>
    public async Task<int> QemuAsync() => int.Parse(
        await UntilAsync(async () => await IsOverAsync() ? throw new InvalidOperationException($"{name} ended. The container said:\n{await LogsAsync()}") : FindQemu(await PidAsync()), $"{name} to start QEMU"),
        CultureInfo.InvariantCulture);

    /// <summary>The most bytes that the container has taken (cgroup v1's figure, or v2's).</summary>
    public async Task<long> MostMemoryAsync()
    {
        var groups = (await File.ReadAllLinesAsync($"/proc/{await PidAsync()}/cgroup")).Select(line => line.Split(':', 3)).ToArray();
        var file = groups.FirstOrDefault(group => group[1] == "memory") is { } memory ? $"/sys/fs/cgroup/memory{memory[2]}/memory.max_usage_in_bytes" : $"/sys/fs/cgroup{groups.First(group => group[0] == "0")[2]}/memory.peak";
        return long.Parse(await File.ReadAllTextAsync(file), CultureInfo.InvariantCulture);
    }

    /// <summary>Runs a program of the host's in the container's network.</summary>
    public async Task<string> InNetworkAsync(string program, params string[] arguments) => await host.InsideAsync("nsenter", [$"--net=/proc/{await PidAsync()}/ns/net", program, .. arguments]);

    /// <summary>Waits for the container's end.</summary>
    public async Task<int> ExitCodeAsync()
    {
        var state = await UntilAsync(async () => await StateAsync() is var now && now.GetProperty("Status").GetString() == "exited" ? now.GetRawText() : null, $"{name} to end");
        return JsonDocument.Parse(state).RootElement.GetProperty("ExitCode").GetInt32();
    }

    /// <summary>Ends and forgets it.</summary>
    public Task RemoveAsync() => host.PodmanAsync("rm", "-f", "-t", "0", "-v", name);

    /// <summary>What comes first from one of its sockets.</summary>
    public async Task<string> FirstOfAsync(string door)
    {
        using var socket = await ConnectAsync(door);
        var buffer = new byte[12];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
    }

    private async Task<Socket> ConnectAsync(string door)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(Doors, door)));
        return socket;
    }

    private async Task<JsonElement> StateAsync() => (await host.InspectAsync(name)).GetProperty("State");

    private async Task<bool> IsOverAsync() => (await StateAsync()).GetProperty("Status").GetString() == "exited";

    private static string? FindQemu(int first)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{first}/task").SelectMany(thread => File.ReadAllText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)).FirstOrDefault(IsQemu);
        }
        catch (IOException)
        {
            // A thread has gone.
            return null;
        }
    }

    private static bool IsQemu(string pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm").StartsWith("qemu-system", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

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

    private static Regex Answer(int number) =>
        new($"BEGIN-{number}\\r?\\n(?<output>.*?)END-{number}-(?<code>[0-9]+)\\r?\\n", RegexOptions.Singleline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(10));
}
