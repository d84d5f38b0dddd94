using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Netboot;
using Dapper;

namespace Baremetal.Conductor.Discovery;

/// <summary>
/// Machines that nobody enrolled: each that fetches a boot script while discovery is on is a node that is pending. Whoever sees the network can
/// make up as many as there are MAC addresses, so that there is a limit, and those that never tell what they have are forgotten.
/// </summary>
public sealed partial class PendingNodes(ConductorSettings settings, TimeProvider time, ILogger<PendingNodes> logger)
{
    private static readonly TimeSpan BetweenRefusals = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private DateTimeOffset _refusedAt = DateTimeOffset.MinValue;

    /// <summary>What a machine boots that is unknown or pending: the agent until it has told what it has, else as it would without us.</summary>
    public BootChoice Choose(IDbConnection sql, NodeRow? known, Machine machine) =>
        settings.Discovery.Mode == DiscoveryMode.On && (known is null ? !IsAnotherCard(sql, machine) : known.Inventory is null) ? BootChoice.Agent : BootChoice.Ignore;

    /// <summary>The new node that this machine is; null when as many are pending as may be.</summary>
    internal NodeRow? Discover(WriteTransaction tx, Machine machine)
    {
        Forget(tx);
        if (tx.Sql.QuerySingle<int>("SELECT count(*) FROM nodes WHERE state = 'Pending'") >= settings.Discovery.Most)
        {
            Refuse(machine.Mac);
            return null;
        }
        var id = Guid.CreateVersion7(tx.Now).ToString();
        NodeTable.Insert(tx, new NodeRow
        {
            Id = id,
            Name = $"node-{machine.Mac.ToString().Replace(":", "", StringComparison.Ordinal)}",
            Mac = machine.Mac.ToString(),
            State = NodeState.Pending,
            Since = tx.Now,
            PowerDriver = "manual",
        });
        return NodeTable.ById(tx.Sql, id);
    }

    /// <summary>It has told what it has: a rule may approve it.</summary>
    internal void Judge(WriteTransaction tx, string id)
    {
        var node = NodeTable.ById(tx.Sql, id);
        if (node.State != NodeState.Pending)
            return;
        if (node.AgentTwin is { } twin)
        {
            Say(tx, node, twin);
            return;
        }
        if (node.Inventory is not { } inventory)
            return;
        LogDiscovered(node.Mac, node.Name);
        if (Array.Find(settings.Discovery.Rules, rule => RuleMatch.Holds(rule, node, inventory.System)) is not { } rule)
        {
            Say(tx, node, cause: null);
            return;
        }
        var name = RuleMatch.NameOf(rule, node, inventory.System);
        if (NodeTable.NameRefusal(tx.Sql, node.Id, name) is { } refusal)
        {
            Say(tx, node, $"A rule of discovery would call it '{name}': {refusal}");
            return;
        }
        NodeTable.Update(tx, node with { Name = name });
        NodeTable.Move(tx, node, Move.Approve);
        LogApproved(node.Mac, name);
    }

    private static void Say(WriteTransaction tx, NodeRow node, string? cause)
    {
        tx.Sql.Execute("UPDATE nodes SET cause = @cause, revision = revision + 1 WHERE id = @Id", new { node.Id, cause });
        tx.Append(EventKinds.NodeState, node.Id, text: cause is null ? "pending" : $"pending: {cause}");
    }

    /// <summary>A node that boots from a card other than the one it is known by boots as it would without us.</summary>
    private static bool IsAnotherCard(IDbConnection sql, Machine machine) =>
        machine.Uuid is { } uuid && sql.QuerySingle<int>("SELECT count(*) FROM nodes WHERE uuid = @uuid", new { uuid = uuid.ToString("D") }) > 0;

    /// <summary>Without an inventory, and without a token that it could still enrol with or did so lately.</summary>
    private static void Forget(WriteTransaction tx) => tx.Sql.Execute(
        """
        DELETE FROM nodes WHERE state = 'Pending' AND inventory IS NULL
            AND NOT EXISTS (SELECT 1 FROM boot_tokens t WHERE t.node = nodes.id AND t.expires > @now)
        """,
        new { now = tx.Now });

    private void Refuse(MacAddress mac)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            if (now - _refusedAt < BetweenRefusals)
                return;
            _refusedAt = now;
        }
        LogFull(mac, settings.Discovery.Most);
    }

    [LoggerMessage(4201, LogLevel.Information, "{Mac} was discovered, and is pending as node {Node}")]
    private partial void LogDiscovered(string mac, string node);

    [LoggerMessage(4202, LogLevel.Information, "{Mac} was approved by a rule of discovery, as node {Node}")]
    private partial void LogApproved(string mac, string node);

    [LoggerMessage(4203, LogLevel.Warning, "{Mac} is unknown, and not discovered: {Most} nodes are pending, which is the most that may be (discovery.most). Approve, enrol or remove some; those that never told what they have are forgotten after ten minutes. This is said once a minute, whoever comes")]
    private partial void LogFull(MacAddress mac, int most);
}
