using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Nodes;

public sealed class NodeActionTests
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

    [Fact]
    public async Task Inspect_WithoutARamdisk_IsRefusedNamingTheSetting()
    {
        await using var conductor = await TestConductor.StartAsync(settings => settings with { RamdiskDirectory = "/nonexistent" });
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.InspectAsync("n1", None));
        Assert.Equal(422, refusal.Problem.Status);
        Assert.Contains("/nonexistent/vmlinuz", refusal.Problem.Title, StringComparison.Ordinal);
        Assert.Contains("ramdiskDirectory", refusal.Problem.Remedy, StringComparison.Ordinal);
        Assert.Contains("dhcp.mode", refusal.Problem.Remedy, StringComparison.Ordinal);
        Assert.Equal(NodeState.Enrolled, (await conductor.Operator.GetNodeAsync("n1", None)).State);
    }

    [Theory]
    [InlineData(NodeState.Active, "Node n1 is active; only enrolled or failed nodes are approved.", "As it is, it can be deployed or removed.")]
    [InlineData(NodeState.Deploying, "Node n1 is deploying; only enrolled or failed nodes are approved.", null)]
    public async Task Approve_InAnotherState_SaysWhichNodesAreApproved(NodeState state, string title, string? remedy)
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET state = @state", new { state = state.ToString() }));
        var problem = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.ApproveAsync("n1", None))).Problem;
        Assert.Equal((409, title), (problem.Status, problem.Title));
        if (remedy is not null)
            Assert.Equal(remedy, problem.Remedy);
    }

    [Theory]
    [InlineData("web-1")]
    [InlineData("WEB-1")]
    [InlineData("52-54-00-AA-BB-CC")]
    [InlineData("5254.00aa.BBCC")]
    [InlineData("525400AABBCC")]
    [InlineData("52:54:0:aa", false)]
    [InlineData("web", false)]
    public async Task Node_WrittenOtherwise_IsFound(string name, bool found = true)
    {
        await using var conductor = await TestConductor.StartAsync();
        var node = await conductor.Operator.EnrolNodeAsync(new EnrolNode("Web-1", "52:54:00:aa:bb:cc", new PowerSettings("manual")), None);
        if (found)
            Assert.Equal(node.Id, (await conductor.Operator.GetNodeAsync(name, None)).Id);
        else
            Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.GetNodeAsync(name, None))).Problem.Status);
        Assert.Equal(node.Id, (await conductor.Operator.GetNodeAsync(node.Id.ToUpperInvariant(), None)).Id);
    }

    [Fact]
    public async Task Names_ThatDifferInCaseAlone_AreNotGivenTwiceAndOldOnesNotGuessed()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("web-1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("other", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(new EnrolNode("Web-1", "52:54:00:00:00:03", new PowerSettings("manual")), None))).Problem.Status);

        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET name = 'WEB-1' WHERE name = 'other'"));
        Assert.Equal("web-1", (await conductor.Operator.GetNodeAsync("web-1", None)).Name);
        var refusal = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.GetNodeAsync("Web-1", None))).Problem;
        Assert.Equal((409, "'Web-1' can be any of WEB-1, web-1."), (refusal.Status, refusal.Title));
    }
}
