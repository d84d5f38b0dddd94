using System.Data;
using Baremetal.Api;
using Dapper;

namespace Baremetal.Conductor.Nodes;

/// <summary>
/// One machine that is enrolled as two nodes: what is ordered for the one would be written to the other. Told by what an inventory says that
/// no two machines have in common. Whoever was inspected first is the node; makers that give one serial number to many give them UUIDs.
/// A machine that was only discovered is no node yet: one that is enrolled is it, inspected or not.
/// </summary>
internal static class Twins
{
    /// <summary>The maker's name for one machine; null if it gave none.</summary>
    public static string? SerialOf(SystemIdentity system) => system.Serial is null ? null : $"{system.Manufacturer}/{system.Product}/{system.Serial}";

    /// <summary>What this node and another have in common, as a sentence that names both; null if there is no such node.</summary>
    public static string? Of(IDbConnection sql, NodeRow node, Inventory inventory)
    {
        var (uuid, serial) = (inventory.System.Uuid?.ToString(), SerialOf(inventory.System));
        var macs = inventory.NetworkInterfaces.Select(card => card.Mac.ToLowerInvariant()).ToArray();
        var other = sql.QueryFirstOrDefault<TwinRow>(
            """
            SELECT name, mac, uuid, serial FROM nodes
            WHERE id <> @Id AND (inventory IS NOT NULL OR (@isPending AND state <> 'Pending')) AND (uuid = @uuid OR (serial = @serial AND (uuid IS NULL OR @uuid IS NULL)) OR mac IN @macs)
            ORDER BY name
            """,
            new { node.Id, isPending = node.State == NodeState.Pending, uuid, serial, macs });
        if (other is null)
            return null;
        var same = other.Uuid is not null && other.Uuid == uuid ? $"the SMBIOS UUID {uuid}"
            : macs.Contains(other.Mac) ? $"a network card with the MAC {other.Mac}"
            : $"the serial number {inventory.System.Serial}";
        return $"Node {node.Name} has {same}, and so has node {other.Name}: they are one machine. Remove the one that is wrong: 'conductor node remove {other.Name}' or 'conductor node remove {node.Name}'.";
    }
}

file sealed record TwinRow
{
    public required string Name { get; init; }

    public required string Mac { get; init; }

    public string? Uuid { get; init; }

    public string? Serial { get; init; }
}
