using System.Collections.Concurrent;
using System.Security.Claims;
using System.Threading.Channels;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Runners.Streams;
using Baremetal.Conductor.Secrets;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Runners;

/// <summary>
/// Orders for runners that wait for them. However many wait and whatever was changed, one question to the database finds those that have something new,
/// and it is asked twenty times a second at most; a stream that somebody wants to see wakes its runner alone.
/// </summary>
internal sealed partial class OrderFeed(IDatabase database, OpenStreams streams, SecretBox secrets, TimeProvider time, ILogger<OrderFeed> logger) : BackgroundService
{
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<string, Waiter> _waiting = new();
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public async Task<Results<Ok<RunnerOrders>, NoContent>> Answer(ClaimsPrincipal user, IHostApplicationLifetime life, CancellationToken cancel, long after = -1)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(life.ApplicationStopping, cancel);
        return await NextAsync(RunnerCaller.Of(user).Id, after, end.Token) is { } orders ? TypedResults.Ok(orders) : TypedResults.NoContent();
    }

    /// <summary>Null where nothing came in time, where the runner asked again meanwhile, and where it was removed.</summary>
    public async Task<RunnerOrders?> NextAsync(string runner, long after, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(LongestWait, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        // Before the first look: what changes right after it wakes us.
        var waiter = new Waiter(after);
        _waiting.AddOrUpdate(runner, waiter, (_, earlier) =>
        {
            // Of a connection that broke under it, perhaps: it must not be handed what this one waits for.
            earlier.End();
            return waiter;
        });
        try
        {
            do
            {
                if (Look(runner, after, streams.Name(runner)) is { } orders)
                    return orders;
            }
            while (await waiter.IsWokenAsync(end.Token));
            return null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        finally
        {
            _waiting.TryRemove(KeyValuePair.Create(runner, waiter));
        }
    }

    /// <summary>Whether this runner has this revision, and waits for another.</summary>
    internal bool IsWaiting(string runner, long after) => _waiting.TryGetValue(runner, out var waiter) && waiter.After == after;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        database.Changed += OnChanged;
        streams.Asked = OnAsked;
        try
        {
            while (await _changes.Reader.WaitToReadAsync(stoppingToken))
            {
                _changes.Reader.TryRead(out _);
                WakeThoseWithNews();
                await Task.Delay(Pace, time, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Those who wait are told by the end of the host.
        }
        finally
        {
            database.Changed -= OnChanged;
            streams.Asked = null;
        }
    }

    private RunnerOrders? Look(string runner, long after, StreamOrder[] asked)
    {
        var found = database.Read(sql => sql.QuerySingleOrDefault<long?>("SELECT revision FROM runners WHERE id = @runner", new { runner }) is not { } revision ? ((long, List<VmRow>)?)null
            : revision == after && asked.Length == 0 ? null
            : (revision, VmTable.OfRunner(sql, runner)));
        return found is var (current, vms) ? new RunnerOrders(current, [.. vms.Select(OrderOf)], asked) : null;
    }

    private VmOrder OrderOf(VmRow vm) =>
        new(vm.Id, vm.Run, vm.Target, vm.Spec with { UserData = vm.UserData is null ? null : secrets.Open(vm.UserData, VmRow.UserDataPlace(vm.Id)) }, vm.OwnImage);

    private void WakeThoseWithNews()
    {
        if (_waiting.IsEmpty)
            return;
        try
        {
            var revisions = database.Read(sql => sql.Query<(string, long)>("SELECT id, revision FROM runners").ToDictionary());
            foreach (var (runner, waiter) in _waiting)
            {
                if (!revisions.TryGetValue(runner, out var revision))
                    waiter.End();
                else if (revision != waiter.After)
                    waiter.Wake();
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whoever waits asks again after half a minute at the latest.
            LogLookFailed(e);
        }
    }

    private void OnChanged(object? sender, EventArgs changed) => _changes.Writer.TryWrite(true);

    private void OnAsked(string runner)
    {
        if (_waiting.TryGetValue(runner, out var waiter))
            waiter.Wake();
    }

    [LoggerMessage(3110, LogLevel.Warning, "Runners that wait for orders were not looked after")]
    private partial void LogLookFailed(Exception error);

    private sealed class Waiter(long after)
    {
        private readonly Channel<bool> _wakes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

        public long After => after;

        public void Wake() => _wakes.Writer.TryWrite(true);

        public void End() => _wakes.Writer.TryComplete();

        /// <summary>False: there is nothing to wait for any more.</summary>
        public async Task<bool> IsWokenAsync(CancellationToken cancel) => await _wakes.Reader.WaitToReadAsync(cancel) && _wakes.Reader.TryRead(out _);
    }
}
