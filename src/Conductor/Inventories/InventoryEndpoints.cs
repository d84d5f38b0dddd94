using System.ComponentModel;
using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;

namespace Baremetal.Conductor.Inventories;

/// <summary>What a node's machine was like, and what changed. Changes are worked out when they are asked for, between those that are kept.</summary>
internal static class InventoryEndpoints
{
    public static Page<KeptInventory> List(string node, IDatabase database, int? limit = null, int? after = null)
    {
        var size = Paging.Limit(limit);
        // One more than the page has: what the last of the page is compared with.
        var rows = database.Read(sql => InventoryHistory.Page(sql, NodeTable.Get(sql, node).Id, after, size + 1));
        return new Page<KeptInventory>([.. rows.Take(size).Select((row, at) => View(row, rows.ElementAtOrDefault(at + 1)))], rows.Count > size ? $"{rows[size - 1].Number}" : null);
    }

    public static KeptInventory Show(
        string node, int number, IDatabase database, [Description("The number of the inventory that the changes are counted from; the one before if not given.")] int? since = null) =>
        database.Read(sql =>
        {
            var found = NodeTable.Get(sql, node);
            var row = Require(sql, found, number);
            if (since > number)
                throw Problems.Invalid($"Inventory {since} of node {found.Name} is newer than {number}.", "Give the older one as the one that the changes are counted from.");
            var from = since is { } older ? Require(sql, found, older) : InventoryHistory.Page(sql, found.Id, number, limit: 1).SingleOrDefault();
            return View(row, from) with { Inventory = row.Inventory };
        });

    private static InventoryRow Require(IDbConnection sql, NodeRow node, int number) => InventoryHistory.Find(sql, node.Id, number)
        ?? throw Problems.NotFound($"inventory of node {node.Name}", $"{number}",
            $"'conductor node inventory {node.Name} --history' shows all that are kept: the first, and the newest up to {InventoryHistory.Most} in all.");

    private static KeptInventory View(InventoryRow row, InventoryRow? from)
    {
        var changes = from is null ? [] : InventoryComparison.Changes(from.Inventory, row.Inventory);
        return new KeptInventory(
            row.Number, row.FirstSeen, row.LastSeen, row.BootId, row.AgentVersion, from?.Number, [.. changes.Take(KeptInventory.MostChanges)], Math.Max(0, changes.Count - KeptInventory.MostChanges));
    }
}
