using Baremetal.Api;

namespace Baremetal.Conductor.Nodes;

/// <summary>What can happen to a node: the first ones by an operator, the rest by the end of a job or an alarm.</summary>
public enum Move
{
    Inspect,
    Approve,
    Deploy,

    /// <summary>Whatever runs on it is what shall run on it; it is left as it is.</summary>
    Adopt,

    /// <summary>The disks of an available node are erased.</summary>
    Clean,

    /// <summary>The same of an active one, whose service is over.</summary>
    Release,
    Remove,

    /// <summary>An SSH server runs in the ramdisk, for an operator to mend what is on the disk.</summary>
    Rescue,

    /// <summary>A machine that was discovered is named, and how it is powered is said.</summary>
    Enrol,

    /// <summary>An inspection ended well on a node that nobody had approved yet.</summary>
    Inspected,

    /// <summary>An inspection ended well, or was aborted, on a node that was available.</summary>
    InspectedAvailable,
    Deployed,
    Cleaned,

    /// <summary>The rescue of a node that was active is over, however it went: what it runs is what it ran.</summary>
    Rescued,

    /// <summary>The same of a node that was available.</summary>
    RescuedAvailable,
    Fail,

    /// <summary>Something happened that an honest machine does not do.</summary>
    Alarm,

    /// <summary>It was told to be another machine than the one that was approved.</summary>
    Replaced,
}

/// <summary>
/// The provision states and the moves between them, all of them:
/// <code>
///   (discovered) ─► pending ─approve─► available           pending ─enrol─► enrolled
///
///                 inspect               approve             deploy
///   (enrol) ─► enrolled ─► inspecting ─►       ─► available ─► deploying ─► active ─► deploying …
///                 ▲            │  └─────────────────▲             │
///                 │            ▼                                  ▼
///                 └─inspect─ failed ◄──────────────────────────── ┘      failed ─approve─► available
///
///   available ─clean─► cleaning ─► available                 active ─release─► cleaning
///   available, active, failed ─rescue─► rescuing ─► as before
///   enrolled, available, failed ─adopt─► active          all but active ─alarm─► held ─inspect, approve─► as from failed
/// </code>
/// A pending node is never powered and nothing is begun on it; an alarm forgets it, since it may be nobody.
/// An alarm holds a node that no job works on as well: what an inspection said of it may have been said by another.
/// A failed or held node needs a word from an operator before anything is written to it again: it may never have been approved.
/// Whether a node is protected or in maintenance is no state: see <see cref="Guards"/>.
/// </summary>
public static class Moves
{
    private static readonly Dictionary<(NodeState From, Move Move), NodeState> Table = new()
    {
        [(NodeState.Pending, Move.Approve)] = NodeState.Available,
        [(NodeState.Pending, Move.Enrol)] = NodeState.Enrolled,

        [(NodeState.Enrolled, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Enrolled, Move.Approve)] = NodeState.Available,
        [(NodeState.Enrolled, Move.Adopt)] = NodeState.Active,
        [(NodeState.Enrolled, Move.Alarm)] = NodeState.Held,

        [(NodeState.Inspecting, Move.Inspected)] = NodeState.Enrolled,
        [(NodeState.Inspecting, Move.InspectedAvailable)] = NodeState.Available,
        [(NodeState.Inspecting, Move.Fail)] = NodeState.Failed,
        [(NodeState.Inspecting, Move.Alarm)] = NodeState.Held,

        [(NodeState.Available, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Available, Move.Deploy)] = NodeState.Deploying,
        [(NodeState.Available, Move.Adopt)] = NodeState.Active,
        [(NodeState.Available, Move.Clean)] = NodeState.Cleaning,
        [(NodeState.Available, Move.Rescue)] = NodeState.Rescuing,
        [(NodeState.Available, Move.Replaced)] = NodeState.Enrolled,
        [(NodeState.Available, Move.Alarm)] = NodeState.Held,

        [(NodeState.Deploying, Move.Deployed)] = NodeState.Active,
        [(NodeState.Deploying, Move.Fail)] = NodeState.Failed,
        [(NodeState.Deploying, Move.Alarm)] = NodeState.Held,

        [(NodeState.Active, Move.Deploy)] = NodeState.Deploying,
        [(NodeState.Active, Move.Release)] = NodeState.Cleaning,
        [(NodeState.Active, Move.Rescue)] = NodeState.Rescuing,

        [(NodeState.Rescuing, Move.Rescued)] = NodeState.Active,
        [(NodeState.Rescuing, Move.RescuedAvailable)] = NodeState.Available,
        [(NodeState.Rescuing, Move.Fail)] = NodeState.Failed,
        [(NodeState.Rescuing, Move.Alarm)] = NodeState.Held,

        [(NodeState.Cleaning, Move.Cleaned)] = NodeState.Available,
        [(NodeState.Cleaning, Move.Fail)] = NodeState.Failed,
        [(NodeState.Cleaning, Move.Alarm)] = NodeState.Held,

        [(NodeState.Failed, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Failed, Move.Approve)] = NodeState.Available,
        [(NodeState.Failed, Move.Adopt)] = NodeState.Active,
        [(NodeState.Failed, Move.Rescue)] = NodeState.Rescuing,
        [(NodeState.Failed, Move.Alarm)] = NodeState.Held,

        [(NodeState.Held, Move.Inspect)] = NodeState.Inspecting,
        [(NodeState.Held, Move.Approve)] = NodeState.Available,
    };

    /// <summary>Where the move leads, or null when the state forbids it. Removal leads out of the table, from wherever no job runs.</summary>
    public static NodeState? Next(NodeState state, Move move) => Table.TryGetValue((state, move), out var next) ? next : null;

    public static bool MayRemove(NodeState state) => state is not (NodeState.Inspecting or NodeState.Deploying or NodeState.Cleaning or NodeState.Rescuing);

    /// <summary>The states that allow the move.</summary>
    public static IEnumerable<NodeState> From(Move move) => Enum.GetValues<NodeState>().Where(state => move == Move.Remove ? MayRemove(state) : Next(state, move) is not null);

    /// <summary>What an operator may ask for in this state.</summary>
    public static IEnumerable<Move> Legal(NodeState state) =>
        Enum.GetValues<Move>().Where(move => move == Move.Remove ? MayRemove(state) : move < Move.Inspected && Next(state, move) is not null);
}
