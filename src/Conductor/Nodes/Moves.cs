using Baremetal.Api;

namespace Baremetal.Conductor.Nodes;

/// <summary>What can happen to a node: the first ones by an operator, the rest by the end of a job.</summary>
public enum Move
{
    Inspect,
    Approve,
    Deploy,
    Remove,

    /// <summary>An inspection ended well on a node that nobody had approved yet.</summary>
    Inspected,

    /// <summary>An inspection ended well, or was aborted, on a node that was available.</summary>
    InspectedAvailable,
    Deployed,
    Fail,
}

/// <summary>
/// The provision states and the moves between them, all of them:
/// <code>
///                 inspect               approve             deploy
///   (enrol) ─► enrolled ─► inspecting ─►       ─► available ─► deploying ─► active ─► deploying …
///                 ▲            │  └─────────────────▲             │
///                 │            ▼                                  ▼
///                 └─inspect─ failed ◄──────────────────────────── ┘      failed ─approve─► available
/// </code>
/// An alarm fails a node that no job works on as well: what an inspection said of it may have been said by another.
/// A failed node needs a word from an operator before anything is written to it again: it may have failed before it was ever approved.
/// </summary>
public static class Moves
{
    private static readonly Dictionary<(NodeState From, Move Move), NodeState> Table = new()
    {
        [(NodeState.Enrolled, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Enrolled, Move.Approve)] = NodeState.Available,
        [(NodeState.Enrolled, Move.Fail)] = NodeState.Failed,

        [(NodeState.Inspecting, Move.Inspected)] = NodeState.Enrolled,
        [(NodeState.Inspecting, Move.InspectedAvailable)] = NodeState.Available,
        [(NodeState.Inspecting, Move.Fail)] = NodeState.Failed,

        [(NodeState.Available, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Available, Move.Deploy)] = NodeState.Deploying,
        [(NodeState.Available, Move.Fail)] = NodeState.Failed,

        [(NodeState.Deploying, Move.Deployed)] = NodeState.Active,
        [(NodeState.Deploying, Move.Fail)] = NodeState.Failed,

        [(NodeState.Active, Move.Deploy)] = NodeState.Deploying,

        [(NodeState.Failed, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Failed, Move.Approve)] = NodeState.Available,
    };

    /// <summary>Where the move leads, or null when the state forbids it. Removal leads out of the table, from wherever no job runs.</summary>
    public static NodeState? Next(NodeState state, Move move) => Table.TryGetValue((state, move), out var next) ? next : null;

    public static bool MayRemove(NodeState state) => state is not (NodeState.Inspecting or NodeState.Deploying);

    /// <summary>The states that allow the move.</summary>
    public static IEnumerable<NodeState> From(Move move) => Enum.GetValues<NodeState>().Where(state => move == Move.Remove ? MayRemove(state) : Next(state, move) is not null);

    /// <summary>What an operator may ask for in this state.</summary>
    public static IEnumerable<Move> Legal(NodeState state) =>
        Enum.GetValues<Move>().Where(move => move == Move.Remove ? MayRemove(state) : move < Move.Inspected && Next(state, move) is not null);
}
