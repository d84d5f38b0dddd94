namespace Baremetal.Conductor.Nodes;

/// <summary>
/// What keeps operators from a move that the node's state would allow. A protected node is neither written to nor forgotten; on one in
/// maintenance nothing is begun, since somebody has their hands in it.
/// </summary>
internal static class Guards
{
    public static void Require(NodeRow node, Move move)
    {
        if (node.Protected && move is Move.Deploy or Move.Clean or Move.Release or Move.Remove)
        {
            throw Problems.Conflict("protected", $"Node {node.Name} is protected: it is neither written to nor removed.",
                $"If it is the one that you mean, take the protection away first: 'conductor node unprotect {node.Name}'.");
        }
        if (node.Maintenance is { } reason && move is Move.Deploy or Move.Clean or Move.Release or Move.Inspect or Move.Rescue)
        {
            throw Problems.Conflict("maintenance", $"Node {node.Name} is in maintenance: {reason.TrimEnd('.')}.",
                $"When that is over: 'conductor node maintenance {node.Name} --end'.");
        }
    }

    /// <summary>Refuses what would change a node under a job's feet.</summary>
    public static void RequireNoJob(NodeRow node, string change)
    {
        if (node.CurrentJob is { } job)
        {
            throw Problems.Conflict("state-forbids", $"Job {job} works on node {node.Name}, which cannot be {change} meanwhile.",
                $"Wait for its end, or abort it: 'conductor job abort {job}'.");
        }
    }
}
