using System.Data.Common;
using System.Net;
using System.Threading.Channels;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Netboot;
using Dapper;

namespace Baremetal.Conductor.Boot;

/// <summary>
/// What is seen of the nodes on the network: facts for the jobs that wait for one, and events for the person who waits. The protocols'
/// loops only put it down here; the one writer below takes it to the database.
/// </summary>
public sealed partial class NodeSightings(IDatabase database, SightingAllowance allowance, TimeProvider time, ILogger<NodeSightings> logger) : BackgroundService
{
    /// <summary>Not written yet; a rack that starts at once makes fewer. Of more, the oldest are forgotten.</summary>
    private const int MostUnwritten = 4096;

    /// <summary>Before what could not be written is written again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Channel<Action> _unwritten = Channel.CreateBounded<Action>(new BoundedChannelOptions(MostUnwritten) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    /// <summary>What was last told of each node, so that a packet sent twice is one event. Read and written by the one writer.</summary>
    private readonly Dictionary<string, (ClientKind Kind, string? Address, string? Job)> _told = new(StringComparer.Ordinal);

    public void Seen(Sighting sighting) => _unwritten.Writer.TryWrite(() => Note(sighting));

    /// <summary>A machine, known by its address alone, fetched a part of its boot.</summary>
    public void Fetched(IPAddress client, string what) => _unwritten.Writer.TryWrite(() => NoteFetched(client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client, what));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var write in _unwritten.Reader.ReadAllAsync(stoppingToken))
        {
            while (!TryNote(write))
                await Task.Delay(Pause, time, stoppingToken);
        }
    }

    /// <summary>False when it may succeed later: a full disk passes, and a job may wait for just this sign.</summary>
    private bool TryNote(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is DbException or IOException)
        {
            LogNotNotedYet(e);
            return false;
        }
        catch (Exception e)
        {
            // A bug of ours does not pass, and must not hold up what is seen of all others.
            LogNotNoted(e);
        }
        return true;
    }

    private void Note(Sighting sighting)
    {
        var known = database.Read(sql => NodeTable.ByMac(sql, sighting.Mac.ToString()));
        var address = sighting.Address is { } one && !one.Equals(IPAddress.Any) ? one.ToString() : null;
        if (known is null)
            return;
        if (known is { State: NodeState.Pending, BootId: null })
        {
            NoteRelay(known, sighting);
            return;
        }
        var isNews = !_told.TryGetValue(known.Id, out var told) || told != (sighting.Kind, address ?? told.Address, known.CurrentJob);
        // Every sign of the system is a fact for a job that waits for one; a node without work that renews its lease is none.
        if (!isNews && (known.CurrentJob is null || sighting.Kind != ClientKind.System))
            return;
        database.Write(tx =>
        {
            // A system that only looks for servers has no address yet: it is up when it can be reached at the one that we tell.
            tx.Sql.Execute(
                "UPDATE nodes SET address = coalesce(@address, address), system_seen = CASE WHEN @isUp = 1 THEN @now ELSE system_seen END WHERE id = @Id",
                new { known.Id, address, isUp = sighting.Kind == ClientKind.System && address is not null, now = tx.Now });
            if (isNews && allowance.TryTake(known.Id))
                tx.Append(EventKinds.NodeSeen, known.Id, known.CurrentJob, text: TextOf(sighting.Kind, address, sighting.Told));
            JobTable.Wake(tx, known.Id);
        });
        _told[known.Id] = (sighting.Kind, address ?? told.Address, known.CurrentJob);
    }

    /// <summary>Once, and nothing else, of a machine that anybody can have made up.</summary>
    private void NoteRelay(NodeRow pending, Sighting seen)
    {
        if (pending is not { Relay: null, Circuit: null, Remote: null } || seen is { Relay: null, Circuit: null, Remote: null })
            return;
        database.Write(tx => tx.Sql.Execute(
            "UPDATE nodes SET relay = @relay, circuit = @Circuit, remote = @Remote WHERE id = @Id", new { pending.Id, relay = seen.Relay?.ToString(), seen.Circuit, seen.Remote }));
    }

    private void NoteFetched(IPAddress client, string what)
    {
        // An address says who it is only while the node's own job is under way: later it may be another's.
        if (database.Read(sql => NodeTable.WorkedOnAt(sql, client.ToString())) is { } node && allowance.TryTake(node.Id))
            database.Write(tx => tx.Append(EventKinds.NodeSeen, node.Id, node.CurrentJob, text: $"{what}, fetched"));
    }

    private static string TextOf(ClientKind kind, string? address, string? told)
    {
        var file = told is not null && Uri.TryCreate(told, UriKind.Absolute, out var url) ? $"{url.Scheme.ToUpperInvariant()} {url.AbsolutePath}" : told;
        return $"{WordOf(kind)} asks for an address{(address is null ? "" : $": {address}")}{(file is null ? "" : $", then {file}")}";
    }

    private static string WordOf(ClientKind kind) => kind switch
    {
        ClientKind.Firmware => "firmware (PXE)",
        ClientKind.HttpBoot => "firmware (HTTP boot)",
        ClientKind.Ipxe => "iPXE",
        ClientKind.Ramdisk => "ramdisk",
        _ => "operating system",
    };

    [LoggerMessage(4003, LogLevel.Error, "What was seen of a node on the network could not be written down yet; it is tried again")]
    private partial void LogNotNotedYet(Exception error);

    [LoggerMessage(4001, LogLevel.Error, "What was seen of a node on the network could not be written down")]
    private partial void LogNotNoted(Exception error);
}
