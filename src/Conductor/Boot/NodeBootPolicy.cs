using System.Data;
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
/// What each machine boots:
/// <code>
///                                          disk-first node            network-first node
///   its job waits for the agent            agent (by one-time         agent
///                                          override of the firmware)
///   anything else, and power loss in the   its disk; when the         its disk, by the local boot loader; when the
///   middle of a deploy                     heartbeat is lost, the     heartbeat is lost, the override is set again and
///                                          override is set again      the node cycled
///                                          and the node cycled
///   the conductor is down                  its disk                   its firmware's next device, after its wait for PXE
///   no node of ours                        as it would without us     as it would without us
/// </code>
/// </summary>
public sealed partial class NodeBootPolicy(IDatabase database, ILogger<NodeBootPolicy> logger) : BackgroundService, IBootPolicy
{
    /// <summary>Sightings that are not written yet; a rack that starts at once makes fewer. Of more, the oldest are forgotten.</summary>
    private const int MostUnwritten = 4096;

    private readonly Channel<Sighting> _sightings = Channel.CreateBounded<Sighting>(new BoundedChannelOptions(MostUnwritten) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    // One row by its index: SQLite answers from its own pages, in memory, in the time that a cache of ours would need a lock.
    public BootChoice Choose(Machine machine) => database.Read(sql => Find(sql, machine.Mac)) switch
    {
        null => BootChoice.Ignore,
        { CurrentJob: { } job } => Steps.WantsAgentBooted(database.Read(sql => JobTable.Get(sql, job)).Step) ? BootChoice.Agent : BootChoice.LocalDisk,
        _ => BootChoice.LocalDisk,
    };

    public void Seen(Sighting sighting) => _sightings.Writer.TryWrite(sighting);

    /// <summary>What was last told of each node, so that a packet sent twice is one event. Read and written by the one writer below.</summary>
    private readonly Dictionary<string, (ClientKind Kind, string? Address, string? Job)> _told = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var sighting in _sightings.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                Note(sighting);
            }
            catch (Exception e)
            {
                LogNotNoted(e, sighting.Mac);
            }
        }
    }

    private static NodeRow? Find(IDbConnection sql, MacAddress mac) => NodeTable.ByMac(sql, mac.ToString());

    private void Note(Sighting sighting)
    {
        var known = database.Read(sql => Find(sql, sighting.Mac));
        var address = sighting.Address is { } one && !one.Equals(IPAddress.Any) ? one.ToString() : null;
        if (known is null)
            return;
        var isNews = !_told.TryGetValue(known.Id, out var told) || told != (sighting.Kind, address ?? told.Address, known.CurrentJob);
        _told[known.Id] = (sighting.Kind, address ?? told.Address, known.CurrentJob);
        // Every sign of the system is a fact for a job that waits for one; a node without work that renews its lease is none.
        if (!isNews && (known.CurrentJob is null || sighting.Kind != ClientKind.System))
            return;
        database.Write(tx =>
        {
            tx.Sql.Execute(
                "UPDATE nodes SET address = coalesce(@address, address), system_seen = CASE WHEN @isSystem = 1 THEN @now ELSE system_seen END WHERE id = @Id",
                new { known.Id, address, isSystem = sighting.Kind == ClientKind.System, now = tx.Now });
            if (isNews)
                tx.Append(EventKinds.NodeSeen, known.Id, known.CurrentJob, text: $"{WordOf(sighting.Kind)} asks for an address{(address is null ? "" : $": {address}")}");
            JobTable.Wake(tx, known.Id);
        });
    }

    private static string WordOf(ClientKind kind) => kind switch
    {
        ClientKind.Firmware => "firmware (PXE)",
        ClientKind.HttpBoot => "firmware (HTTP boot)",
        ClientKind.Ipxe => "iPXE",
        ClientKind.Ramdisk => "ramdisk",
        _ => "operating system",
    };

    [LoggerMessage(4001, LogLevel.Error, "That {Mac} was seen could not be written down")]
    private partial void LogNotNoted(Exception error, MacAddress mac);
}
