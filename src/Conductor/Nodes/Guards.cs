namespace Baremetal.Conductor.Nodes;

/// <summary>
/// What keeps operators from a move that the node's state would allow. A protected node is neither written to nor forgotten; on one in
/// maintenance nothing is begun, since somebody has their hands in it.
/// </summary>
internal static class Guards
{
    public static void Require(NodeRow node, Move move)
    {
        if (node.Protected && Writes(move))
        {
            throw Problems.Conflict("protected", $"Node {node.Name} is protected: it is neither written to nor removed.",
                $"If it is the one that you mean, take the protection away first: 'conductor node unprotect {node.Name}'.");
        }
        if (node.Maintenance is { } reason && Begins(move))
        {
            throw Problems.Conflict("maintenance", $"Node {node.Name} is in maintenance: {reason.TrimEnd('.')}.",
                $"When that is over: 'conductor node maintenance {node.Name} --end'.");
        }
    }

    /// <summary>Whether nothing but its state could keep the node from the move: what an error may promise.</summary>
    public static bool Allows(NodeRow node, Move move) =>
        !(node.Protected && Writes(move)) && !(node.Maintenance is not null && Begins(move)) && !(node.Inventory is null && move == Move.Approve);

    /// <summary>What would allow more, as sentences with a space before each; empty where nothing is in the way.</summary>
    public static string Ways(NodeRow node) =>
        (node.Protected ? $" It is protected, until 'conductor node unprotect {node.Name}'." : "")
        + (node.Maintenance is null ? "" : $" It is in maintenance, until 'conductor node maintenance {node.Name} --end'.");

    /// <summary>Refuses what would change a node under a job's feet.</summary>
    public static void RequireNoJob(NodeRow node, string change)
    {
        if (node.CurrentJob is { } job)
        {
            throw Problems.Conflict("state-forbids", $"Job {job} works on node {node.Name}, which cannot be {change} meanwhile.",
                $"Wait for its end, or abort it: 'conductor job abort {job}'.");
        }
    }

    private static bool Writes(Move move) => move is Move.Deploy or Move.Clean or Move.Release or Move.Remove;

    private static bool Begins(Move move) => move is Move.Deploy or Move.Clean or Move.Release or Move.Inspect or Move.Rescue;
}
