using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Nodes;
using Dapper;

namespace Baremetal.Conductor.Inventories;

/// <summary>An inventory as the table has it: the newest of a node as its agent told it last, the older ones as they were when another took their place.</summary>
internal sealed record InventoryRow
{
    public int Number { get; init; }

    public DateTimeOffset FirstSeen { get; init; }

    public DateTimeOffset LastSeen { get; init; }

    public string? BootId { get; init; }

    public string? AgentVersion { get; init; }

    public required Inventory Inventory { get; init; }
}

/// <summary>What each node's machine was like over time, and the word to operators when its hardware is not what it was.</summary>
public sealed partial class InventoryHistory(SightingAllowance allowance, ILogger<InventoryHistory> logger)
{
    /// <summary>Of one node: some years, where something is changed each month. The first and the newest are among them, whatever else is.</summary>
    internal const int Most = 32;

    /// <summary>Of one boot: an agent that was started again may find a disk that came late.</summary>
    internal const int MostOfABoot = 4;

    /// <summary>Of one node, beside the first: 30 of a server with a hundred disks. Whoever has an agent's certificate can tell another machine each time.</summary>
    private const int MostCharacters = 2 << 20;

    /// <summary>Changes that one event tells; the history has all.</summary>
    private const int MostTold = 5;

    /// <summary>Keeps what an agent told: as another inventory if it says something new of the hardware, else in place of the newest, which was true for longer.</summary>
    internal void Keep(WriteTransaction tx, string id, Inventory told)
    {
        var newest = Newest(tx.Sql, id);
        var changes = newest is null ? [] : InventoryComparison.Changes(newest.Inventory, told);
        if (newest is not null && (changes.Count == 0 || !MayTellMore(tx, id, newest.BootId)))
        {
            tx.Sql.Execute("UPDATE inventories SET last_seen = @now, inventory = @told WHERE node = @id AND number = @Number", new { id, newest.Number, told, now = tx.Now });
            return;
        }
        var node = NodeTable.ById(tx.Sql, id);
        tx.Sql.Execute(
            "INSERT INTO inventories (node, number, first_seen, last_seen, boot_id, agent_version, inventory) VALUES (@id, @number, @now, @now, @BootId, @AgentVersion, @told)",
            new { id, number = (newest?.Number ?? 0) + 1, node.BootId, node.AgentVersion, told, now = tx.Now });
        Prune(tx, id);
        if (newest is not null)
            Tell(tx, node, changes);
    }

    // An honest agent tells its machine once at its start. One that tells another each time would push out what its node was before; of a machine that is
    // pending, whom anybody can make up, the newest word is enough.
    private static bool MayTellMore(WriteTransaction tx, string id, string? newestBoot)
    {
        var node = NodeTable.ById(tx.Sql, id);
        return node.State != NodeState.Pending
            && (node.BootId != newestBoot || tx.Sql.QuerySingle<int>("SELECT count(*) FROM inventories WHERE node = @id AND boot_id = @BootId", new { id, node.BootId }) < MostOfABoot);
    }

    /// <summary>The newest first, and only those before a number.</summary>
    internal static List<InventoryRow> Page(IDbConnection sql, string node, int? before, int limit) => sql.Query<InventoryRow>(
        $"SELECT * FROM inventories WHERE node = @node {(before is null ? "" : "AND number < @before")} ORDER BY number DESC LIMIT @limit",
        new { node, before, limit }).AsList();

    internal static InventoryRow? Find(IDbConnection sql, string node, int number) =>
        sql.QuerySingleOrDefault<InventoryRow>("SELECT * FROM inventories WHERE node = @node AND number = @number", new { node, number });

    private static InventoryRow? Newest(IDbConnection sql, string node) => Page(sql, node, before: null, limit: 1) is [var newest] ? newest : null;

    private static void Prune(WriteTransaction tx, string node) => tx.Sql.Execute(
        """
        DELETE FROM inventories WHERE node = @node AND number > (SELECT min(number) FROM inventories WHERE node = @node) AND number NOT IN (
            SELECT number FROM (
                SELECT number, row_number() OVER (ORDER BY number DESC) AS place, sum(length(inventory)) OVER (ORDER BY number DESC) AS characters
                FROM inventories WHERE node = @node) AS newest_first
            WHERE place = 1 OR (place < @Most AND characters <= @MostCharacters))
        """,
        new { node, Most, MostCharacters });

    // Of a machine that is pending nothing is told: anybody can make one up.
    private void Tell(WriteTransaction tx, NodeRow node, List<InventoryChange> changes)
    {
        if (node.State == NodeState.Pending || !allowance.TryTake(node.Id))
            return;
        var more = changes.Count > MostTold ? $"; and {changes.Count - MostTold} more" : "";
        var text = $"{string.Join("; ", changes.Take(MostTold).Select(change => change.Text))}{more}";
        tx.Append(EventKinds.NodeHardware, node.Id, node.CurrentJob, text: $"hardware changed: {text}");
        LogChanged(node.Name, text);
    }

    [LoggerMessage(3003, LogLevel.Warning, "Node {Node}: its hardware changed since it was inspected last: {Changes}")]
    private partial void LogChanged(string node, string changes);
}
