using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Discovery;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Netboot;

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
///   its controller takes no override       not started                started all the same
///   the conductor is down                  its disk                   its firmware's next device, after its wait for PXE
///   no node of ours                        as it would without us     as it would without us
///   no node of ours, discovery is on       the agent, until it has told what it has; then as it would without us
/// </code>
/// </summary>
public sealed class NodeBootPolicy(IDatabase database, PendingNodes pending, NodeSightings sightings) : IBootPolicy
{
    // One row by its index: SQLite answers from its own pages, in memory, in the time that a cache of ours would need a lock.
    public BootChoice Choose(Machine machine) => database.Read(sql => NodeTable.ByMac(sql, machine.Mac.ToString()) switch
    {
        null => pending.Choose(sql, known: null, machine),
        { State: NodeState.Pending } known => pending.Choose(sql, known, machine),
        { CurrentJob: { } job } => Steps.WantsAgentBooted(JobTable.Get(sql, job).Step) ? BootChoice.Agent : BootChoice.LocalDisk,
        _ => BootChoice.LocalDisk,
    });

    public void Seen(Sighting sighting) => sightings.Seen(sighting);

    public void Sent(IPAddress client, string file) => sightings.Fetched(client, $"loader {file}, by TFTP");
}
