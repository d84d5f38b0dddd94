using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Nodes;

public sealed class ApproveTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(NodeState.Enrolled)]
    [InlineData(NodeState.Failed)]
    public async Task Approve_NodeThatWasNeverInspected_IsRefusedNamingTheCommand(NodeState state)
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET state = @state", new { state = state.ToString() }));
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.ApproveAsync("n1", None));
        Assert.Equal((409, "urn:baremetal:problem:never-inspected"), (refusal.Problem.Status, refusal.Problem.Type));
        Assert.Contains("conductor node inspect n1", refusal.Problem.Remedy, StringComparison.Ordinal);
        Assert.Equal(state, (await conductor.Operator.GetNodeAsync("n1", None)).State);

        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET inventory = @inventory", new { inventory = TestAgent.Machine() }));
        Assert.Equal(NodeState.Available, (await conductor.Operator.ApproveAsync("n1", None)).State);
    }
}
