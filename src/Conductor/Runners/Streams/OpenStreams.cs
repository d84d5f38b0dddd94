using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Security.Cryptography;
using Baremetal.Api;

namespace Baremetal.Conductor.Runners.Streams;

/// <summary>
/// Streams between operators and VMs. The runner is asked for its end by its next orders, and connects; nothing of it is kept anywhere but here, and an
/// order for a stream is good for a moment and for one use.
/// </summary>
internal sealed class OpenStreams(TimeProvider time)
{
    /// <summary>How long a runner has to come.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public const int MostOfARunner = 16;
    public const int MostOfAnOperator = 32;

    private readonly ConcurrentDictionary<string, AskedStream> _asked = new();
    private readonly List<OpenStream> _open = [];
    private readonly Lock _gate = new();

    /// <summary>Told the runner that somebody wants to see something of.</summary>
    public Action<string>? Asked { get; set; }

    /// <summary>Asks the runner for its end, and waits for it.</summary>
    /// <param name="stop">Ends the stream whenever it comes.</param>
    /// <param name="cancel">The operator has gone: nobody waits for it any more.</param>
    public async Task<OpenStream> OpenAsync(RunnerRow runner, VmRow vm, VmView view, string who, CancellationToken stop, CancellationToken cancel)
    {
        var place = Begin(runner, who, stop);
        var asked = new AskedStream(runner.Id, new StreamOrder(RandomNumberGenerator.GetHexString(32, lowercase: true), vm.Id, view), place);
        _asked[asked.Order.Id] = asked;
        try
        {
            Asked?.Invoke(runner.Id);
            using var limit = new CancellationTokenSource(Patience, time);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, place.Ended, cancel);
            using var withdrawn = end.Token.Register(() =>
            {
                // Not where it was taken at this very moment: then it comes.
                if (_asked.TryRemove(asked.Order.Id, out _))
                    asked.Taken.TrySetCanceled();
            });
            place.Runner = await asked.Taken.Task;
            return place;
        }
        catch (OperationCanceledException) when (!place.Ended.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            place.Dispose();
            throw new ProblemException(Problems.Of(StatusCodes.Status504GatewayTimeout, "runner-silent",
                $"Runner {runner.Name} did not come within {Patience.TotalSeconds:0} s to show VM {vm.Name}.", "Try again; if it stays so, look at its log: 'journalctl -u baremetal-vm-runner' there."));
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    /// <summary>What the runner is asked for and has not heard yet: each is named once.</summary>
    public StreamOrder[] Name(string runner) => [.. _asked.Values.Where(asked => asked.Runner == runner && asked.TryName()).Select(asked => asked.Order)];

    /// <summary>The runner comes: the first time, and in time, and if it was the one that was asked.</summary>
    public bool TryTake(string stream, string runner, [NotNullWhen(true)] out AskedStream? asked)
    {
        asked = null;
        if (!_asked.TryGetValue(stream, out var found) || found.Runner != runner || !_asked.TryRemove(KeyValuePair.Create(stream, found)))
            return false;
        asked = found;
        return true;
    }

    /// <summary>The runner was removed: nothing of it is shown any more.</summary>
    public void End(string runner)
    {
        OpenStream[] open;
        lock (_gate)
            open = [.. _open.Where(one => one.RunnerId == runner)];
        foreach (var one in open)
            one.End();
    }

    private OpenStream Begin(RunnerRow runner, string who, CancellationToken stop)
    {
        lock (_gate)
        {
            if (_open.Count(one => one.RunnerId == runner.Id) >= MostOfARunner)
                throw TooMany($"{MostOfARunner} consoles and logs of runner {runner.Name} are open.");
            if (_open.Count(one => one.Who == who) >= MostOfAnOperator)
                throw TooMany($"{MostOfAnOperator} consoles and logs are open under the token '{who}'.");
            var place = new OpenStream(runner.Id, who, Leave, stop);
            _open.Add(place);
            return place;
        }
    }

    private void Leave(OpenStream stream)
    {
        lock (_gate)
            _open.Remove(stream);
    }

    private static ProblemException TooMany(string title) => new(Problems.Of(StatusCodes.Status429TooManyRequests, "too-many", title, "Close one that is not needed."));
}

/// <summary>A stream that a runner was asked for.</summary>
internal sealed class AskedStream(string runner, StreamOrder order, OpenStream place)
{
    private int _named;

    public string Runner => runner;

    public StreamOrder Order => order;

    /// <summary>The runner's end, once it is there.</summary>
    public TaskCompletionSource<WebSocket> Taken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when nobody needs the runner's end any more.</summary>
    public Task Over => place.Over;

    public bool TryName() => Interlocked.Exchange(ref _named, 1) == 0;
}

/// <summary>A stream from its asking to its end.</summary>
internal sealed class OpenStream : IDisposable
{
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _end;
    private readonly Action<OpenStream> _leave;

    public OpenStream(string runnerId, string who, Action<OpenStream> leave, CancellationToken stop)
    {
        (RunnerId, Who, _leave) = (runnerId, who, leave);
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Ended = _end.Token;
    }

    public string RunnerId { get; }

    /// <summary>The name of the operator's token.</summary>
    public string Who { get; }

    public WebSocket Runner { get; set; } = null!;

    /// <summary>The conductor stops, or the runner was removed. That an end breaks off is seen at that end.</summary>
    public CancellationToken Ended { get; }

    public Task Over => _over.Task;

    public void End()
    {
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended by itself.
        }
    }

    public void Dispose()
    {
        _leave(this);
        _over.TrySetResult();
        _end.Dispose();
    }
}
