using System.Collections.Concurrent;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Baremetal.Api;
using Baremetal.Conductor.Database;

namespace Baremetal.Conductor.Events;

/// <summary>
/// Events for followers: the stored ones from the outbox, in their order and without a gap, and between them the progress of the moment,
/// which is told to those who listen now and then forgotten.
/// </summary>
public sealed class EventFeed : IDisposable
{
    private const int BatchSize = 500;

    /// <summary>Progress that a slow follower has not read yet; of more, the oldest is dropped, for the newest says all.</summary>
    private const int MostUnread = 64;

    private readonly IDatabase _database;
    private readonly ConcurrentDictionary<Channel<Event?>, string?> _followers = new();

    public EventFeed(IDatabase database)
    {
        _database = database;
        database.Changed += Announce;
    }

    public void Publish(Event live)
    {
        foreach (var (follower, job) in _followers)
        {
            if (job is null || job == live.Job)
                follower.Writer.TryWrite(live);
        }
    }

    /// <summary>All events after a sequence number, for ever; or those of one job, until it has finished.</summary>
    public async IAsyncEnumerable<SseItem<Event>> Follow(long after, string? job, [EnumeratorCancellation] CancellationToken cancel)
    {
        var follower = Channel.CreateBounded<Event?>(new BoundedChannelOptions(MostUnread) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        _followers[follower] = job;
        try
        {
            Event? live = null;
            do
            {
                // Whatever wakes us, the stored events come first: an announcement may have been dropped for progress.
                List<Event> stored;
                do
                {
                    stored = _database.Read(sql => EventLog.After(sql, after, job, BatchSize));
                    foreach (var one in stored)
                    {
                        yield return new SseItem<Event>(one, one.Kind) { EventId = one.Seq.ToString() };
                        after = one.Seq;
                        if (job is not null && one.Kind == EventKinds.JobFinished)
                            yield break;
                    }
                }
                while (stored.Count == BatchSize);
                if (live is not null)
                    yield return new SseItem<Event>(live, live.Kind);
                live = await follower.Reader.ReadAsync(cancel);
            }
            while (true);
        }
        finally
        {
            _followers.TryRemove(follower, out _);
        }
    }

    public void Dispose() => _database.Changed -= Announce;

    private void Announce(object? sender, EventArgs changed)
    {
        foreach (var follower in _followers.Keys)
            follower.Writer.TryWrite(null);
    }
}
