using System.Collections.Concurrent;
using System.ComponentModel;

namespace Baremetal.Lab;

/// <summary>
/// A network namespace of our own (ip-netns(8)) and one thread that lives in it. A socket belongs for ever to the namespace of the
/// thread that made it, so what that thread opens reaches this network alone, whoever uses it afterwards.
/// </summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    private static readonly TimeSpan EndBound = TimeSpan.FromSeconds(30);

    private readonly BlockingCollection<Action> work = [];
    private readonly Thread inside;

    private NetworkNamespace(string name)
    {
        Name = name;
        var entered = new TaskCompletionSource();
        inside = new Thread(() => Live(name, entered)) { IsBackground = true, Name = name };
        inside.Start();
        entered.Task.GetAwaiter().GetResult();
    }

    public string Name { get; }

    public static async Task<NetworkNamespace> CreateAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            // Not to be cancelled half-way: we would not know whether it is there.
            await Tool.RunAsync("ip", ["netns", "add", name], null, CancellationToken.None);
            return new NetworkNamespace(name);
        }
        catch
        {
            await RemoveAsync(name);
            throw;
        }
    }

    /// <summary>Runs a short piece of code on the thread that lives in the namespace, and gives back what it returned or threw.</summary>
    public T Inside<T>(Func<T> action)
    {
        var result = new TaskCompletionSource<T>();
        work.Add(() =>
        {
            try
            {
                result.SetResult(action());
            }
            catch (Exception error) // thrown again where the result is taken
            {
                result.SetException(error);
            }
        });
        return result.Task.GetAwaiter().GetResult();
    }

    /// <summary>Runs ip(8) commands in the namespace, one a line.</summary>
    public Task IpAsync(string commands, CancellationToken cancellationToken) =>
        Tool.RunAsync("ip", ["-n", Name, "-batch", "-"], commands, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        work.CompleteAdding();
        inside.Join();
        work.Dispose();
        await RemoveAsync(Name);
    }

    /// <summary>
    /// Ends every process that still runs in a namespace, then removes it with its interfaces. Only what a lab started can be in
    /// a namespace that a lab made. Does nothing where there is none.
    /// </summary>
    public static async Task RemoveAsync(string name)
    {
        if (!File.Exists(PathOf(name)))
            return;
        try
        {
            await EndProcessesAsync(name);
            await Tool.RunAsync("ip", ["netns", "del", name], null, CancellationToken.None);
        }
        catch (InvalidOperationException) when (!File.Exists(PathOf(name)))
        {
            // Another lab swept it at the same moment.
        }
    }

    // Again until none is left: one may have started another in the meantime, and a busy kernel takes a moment to end them.
    private static async Task EndProcessesAsync(string name)
    {
        using var bounded = new CancellationTokenSource(EndBound);
        while (await Tool.RunAsync("ip", ["netns", "pids", name], null, CancellationToken.None) is { Length: > 0 } pids)
        {
            if (bounded.IsCancellationRequested)
                throw new TimeoutException($"In the network namespace {name} these processes outlived SIGKILL for {EndBound.TotalSeconds} s: {pids.ReplaceLineEndings(" ").Trim()}.");
            foreach (var pid in pids.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                Native.Signal(int.Parse(pid), LabProcess.SigKill);
        }
    }

    private static string PathOf(string name) => Path.Combine(Leftovers.NamespaceFolder, name);

    private void Live(string name, TaskCompletionSource entered)
    {
        try
        {
            using var handle = File.OpenHandle(PathOf(name));
            Native.EnterNetworkNamespace(handle);
            entered.SetResult();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or Win32Exception)
        {
            entered.SetException(new InvalidOperationException($"The network namespace {name} cannot be entered: {error.Message}. The lab needs root.", error));
            return;
        }
        foreach (var action in work.GetConsumingEnumerable())
            action();
    }
}
