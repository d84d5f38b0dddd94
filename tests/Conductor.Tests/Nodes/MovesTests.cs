using Baremetal.Api;
using Baremetal.Conductor.Nodes;

namespace Baremetal.Conductor.Tests.Nodes;

public sealed class MovesTests
{
    /// <summary>The whole table, written a second time: what is not here is forbidden.</summary>
    private static readonly Dictionary<(NodeState, Move), NodeState> Expected = new()
    {
        { (NodeState.Pending, Move.Approve), NodeState.Available },
        { (NodeState.Pending, Move.Enrol), NodeState.Enrolled },
        { (NodeState.Active, Move.Rescue), NodeState.Rescuing },
        { (NodeState.Failed, Move.Rescue), NodeState.Rescuing },
        { (NodeState.Available, Move.Rescue), NodeState.Rescuing },
        { (NodeState.Rescuing, Move.RescuedAvailable), NodeState.Available },
        { (NodeState.Rescuing, Move.Rescued), NodeState.Active },
        { (NodeState.Rescuing, Move.Fail), NodeState.Failed },
        { (NodeState.Rescuing, Move.Alarm), NodeState.Held },
        { (NodeState.Enrolled, Move.Inspect), NodeState.Inspecting },
        { (NodeState.Available, Move.Inspect), NodeState.Inspecting },
        { (NodeState.Failed, Move.Inspect), NodeState.Inspecting },
        { (NodeState.Enrolled, Move.Approve), NodeState.Available },
        { (NodeState.Failed, Move.Approve), NodeState.Available },
        { (NodeState.Available, Move.Deploy), NodeState.Deploying },
        { (NodeState.Active, Move.Deploy), NodeState.Deploying },
        { (NodeState.Inspecting, Move.Inspected), NodeState.Enrolled },
        { (NodeState.Inspecting, Move.InspectedAvailable), NodeState.Available },
        { (NodeState.Deploying, Move.Deployed), NodeState.Active },
        { (NodeState.Available, Move.Clean), NodeState.Cleaning },
        { (NodeState.Active, Move.Release), NodeState.Cleaning },
        { (NodeState.Cleaning, Move.Cleaned), NodeState.Available },
        { (NodeState.Cleaning, Move.Fail), NodeState.Failed },
        { (NodeState.Cleaning, Move.Alarm), NodeState.Held },
        { (NodeState.Held, Move.Inspect), NodeState.Inspecting },
        { (NodeState.Held, Move.Approve), NodeState.Available },
        { (NodeState.Enrolled, Move.Adopt), NodeState.Active },
        { (NodeState.Available, Move.Adopt), NodeState.Active },
        { (NodeState.Failed, Move.Adopt), NodeState.Active },
        { (NodeState.Available, Move.Replaced), NodeState.Enrolled },
        { (NodeState.Enrolled, Move.Alarm), NodeState.Held },
        { (NodeState.Inspecting, Move.Alarm), NodeState.Held },
        { (NodeState.Available, Move.Alarm), NodeState.Held },
        { (NodeState.Deploying, Move.Alarm), NodeState.Held },
        { (NodeState.Failed, Move.Alarm), NodeState.Held },
        { (NodeState.Inspecting, Move.Fail), NodeState.Failed },
        { (NodeState.Deploying, Move.Fail), NodeState.Failed },
    };

    public static TheoryData<NodeState, Move> All()
    {
        var all = new TheoryData<NodeState, Move>();
        foreach (var state in Enum.GetValues<NodeState>())
        {
            foreach (var move in Enum.GetValues<Move>())
                all.Add(state, move);
        }
        return all;
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Move_FromEachState_LeadsWhereTheTableSays(NodeState state, Move move) =>
        Assert.Equal(Expected.TryGetValue((state, move), out var next) ? next : null, Moves.Next(state, move));

    [Theory]
    [InlineData(NodeState.Pending, "Approve, Remove, Enrol")]
    [InlineData(NodeState.Enrolled, "Inspect, Approve, Adopt, Remove")]
    [InlineData(NodeState.Inspecting, "")]
    [InlineData(NodeState.Available, "Inspect, Deploy, Adopt, Clean, Remove, Rescue")]
    [InlineData(NodeState.Deploying, "")]
    [InlineData(NodeState.Cleaning, "")]
    [InlineData(NodeState.Rescuing, "")]
    [InlineData(NodeState.Active, "Deploy, Release, Remove, Rescue")]
    [InlineData(NodeState.Failed, "Inspect, Approve, Adopt, Remove, Rescue")]
    [InlineData(NodeState.Held, "Inspect, Approve, Remove")]
    public void Legal_InEachState_ListsWhatAnOperatorMayAsk(NodeState state, string moves) =>
        Assert.Equal(moves, string.Join(", ", Moves.Legal(state)));

    [Theory]
    [InlineData(NodeState.Failed)]
    [InlineData(NodeState.Held)]
    public void Node_ThatNobodyLookedAtSince_IsNeverWritten(NodeState state) => Assert.Null(Moves.Next(state, Move.Deploy));
}
