using Baremetal.Api;
using Baremetal.Conductor.Database;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Nodes;

/// <summary>
/// What operators say of a node, in a word. Nothing is done to the machine; saying it twice is no contradiction: the first one's answer may
/// have been lost.
/// </summary>
internal static class NodeActionEndpoints
{
    private const int LongestReason = 500;

    public static Ok<Node> Approve(string node, IDatabase database, HttpResponse response) => Say(node, database, response, (tx, found) =>
    {
        if (found.State == NodeState.Available)
            return;
        if (found is { State: NodeState.Pending, Inventory: null })
        {
            throw Problems.Conflict("never-inspected", $"Node {found.Name} is pending, and has not told what it has{(found.Cause is { } cause ? $". {cause.TrimEnd('.')}" : "")}.",
                "Wait until its agent has; if it is off, boot it from the network again.");
        }
        if (found.Inventory is null && Moves.Next(found.State, Move.Approve) is not null)
        {
            throw Problems.Conflict("never-inspected", $"Node {found.Name} has never been inspected, so nobody knows yet which machine it is and what would be written to.",
                $"Look at it first: 'conductor node inspect {found.Name} --wait', then 'conductor node show {found.Name}'.");
        }
        NodeTable.Move(tx, found, Move.Approve);
    });

    /// <summary>What runs there was not put there by a deploy, and nobody may have looked at its disks: it is protected until somebody says otherwise.</summary>
    public static Ok<Node> Adopt(string node, IDatabase database, HttpResponse response) => Say(node, database, response, (tx, found) =>
    {
        if (found.State == NodeState.Active)
            return;
        NodeTable.Move(tx, found, Move.Adopt);
        NodeTable.Protect(tx, found, isProtected: true);
    });

    public static Ok<Node> Protect(string node, IDatabase database, HttpResponse response) => Say(node, database, response, (tx, found) =>
    {
        if (found.Protected)
            return;
        // Too late: it is being written.
        if (found.State is NodeState.Deploying or NodeState.Cleaning)
            Guards.RequireNoJob(found, "protected");
        NodeTable.Protect(tx, found, isProtected: true);
    });

    public static Ok<Node> Unprotect(string node, IDatabase database, HttpResponse response) => Say(node, database, response, (tx, found) =>
    {
        if (found.Protected)
            NodeTable.Protect(tx, found, isProtected: false);
    });

    public static Ok<Node> BeginMaintenance(string node, BeginMaintenance ask, IDatabase database, HttpResponse response)
    {
        if (ask.Reason?.Trim() is not { Length: > 0 and <= LongestReason } reason || reason.Any(char.IsControl))
            throw Problems.Invalid("Maintenance needs a reason.", $"Say in a line of at most {LongestReason} characters why nothing shall be begun on the node: others will read it.");
        return Say(node, database, response, (tx, found) =>
        {
            Guards.RequireNoJob(found, "taken into maintenance");
            if (found.Maintenance != reason)
                NodeTable.Maintain(tx, found, reason);
        });
    }

    public static Ok<Node> EndMaintenance(string node, IDatabase database, HttpResponse response) => Say(node, database, response, (tx, found) =>
    {
        if (found.Maintenance is not null)
            NodeTable.Maintain(tx, found, reason: null);
    });

    private static Ok<Node> Say(string node, IDatabase database, HttpResponse response, Action<WriteTransaction, NodeRow> say)
    {
        var row = database.Write(tx =>
        {
            var found = NodeTable.Get(tx.Sql, node);
            say(tx, found);
            return NodeTable.ById(tx.Sql, found.Id);
        });
        response.Headers.ETag = NodeEndpoints.Etag(row);
        return TypedResults.Ok(row.ToApi());
    }
}
