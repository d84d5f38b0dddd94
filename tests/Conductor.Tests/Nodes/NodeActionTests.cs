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
    [InlineData(NodeState.Active, "Node n1 is active; only pending, enrolled, failed or held nodes are approved.", "As it is, it can be deployed, released, removed or rescued.")]
    [InlineData(NodeState.Deploying, "Node n1 is deploying; only pending, enrolled, failed or held nodes are approved.", null)]
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
    [InlineData(NodeState.Enrolled, false, null, "deploy", "As it is, it can be inspected, adopted or removed.")]
    [InlineData(NodeState.Active, true, null, "approve", "As it is, it can be rescued. It is protected, until 'conductor node unprotect n1'.")]
    [InlineData(NodeState.Active, false, "new memory", "approve", "As it is, it can be removed. It is in maintenance, until 'conductor node maintenance n1 --end'.")]
    [InlineData(NodeState.Active, true, "new memory", "approve", "As it is, nothing can be done with it. It is protected, until 'conductor node unprotect n1'. It is in maintenance, until 'conductor node maintenance n1 --end'.")]
    public async Task Refusal_OfAMove_PromisesNoneThatWouldBeRefusedToo(NodeState state, bool isProtected, string? maintenance, string move, string remedy)
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        await EnrolAsync(conductor, state);
        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET protected = @isProtected, maintenance = @maintenance", new { isProtected, maintenance }));

        var problem = (await Assert.ThrowsAsync<ProblemException>(() =>
            move == "approve" ? conductor.Operator.ApproveAsync("n1", None) : conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None))).Problem;

        Assert.Equal((409, remedy), (problem.Status, problem.Remedy));
    }

    [Fact]
    public async Task Enrol_WithTheMacOfAnother_DoesNotTellToRemoveThatOne()
    {
        await using var conductor = await TestConductor.StartAsync();
        await EnrolAsync(conductor, NodeState.Active);

        var problem = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:01", new PowerSettings("manual")), None))).Problem;

        Assert.Equal("Node 'n1' already has the MAC 52:54:00:00:00:01.", problem.Title);
        Assert.Equal("One machine is one node. Give this server's own MAC; 'conductor node show n1' shows whose it is.", problem.Remedy);
    }

    [Fact]
    public async Task Enrol_WithItsFirmware_ShowsIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual"), Firmware: FirmwareMode.Uefi), None);

        Assert.Equal(FirmwareMode.Uefi, (await conductor.Operator.GetNodeAsync("n1", None)).Firmware);
    }

    [Fact]
    public async Task Enrol_IpmiHostThatIsAnAddressOfTheWeb_IsToldTheOptionsFormNotTheStores()
    {
        await using var conductor = await TestConductor.StartAsync();

        var problem = (await Assert.ThrowsAsync<ProblemException>(() =>
            conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("ipmi", "ipmi://http://d9", "admin", "s3cret")), None))).Problem;

        Assert.StartsWith("Give --ipmi HOST[:PORT], and --ipmi-cipher 3 for", problem.Remedy, StringComparison.Ordinal);
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

    [Theory]
    [InlineData(NodeState.Available)]
    [InlineData(NodeState.Active)]
    public async Task Protect_ANode_RefusesDeployDryRunAndRemovalUntilItIsTakenAway(NodeState state)
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        await EnrolAsync(conductor, state);
        Assert.True((await conductor.Operator.ProtectAsync("n1", None)).Protected);
        Assert.True((await conductor.Operator.ProtectAsync("n1", None)).Protected);

        foreach (var refused in new Func<Task>[]
        {
            () => conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None),
            () => conductor.Operator.DeployAsync("n1", new DeployNode("debian", DryRun: true), None),
            () => conductor.Operator.RemoveNodeAsync("n1", None),
        })
        {
            var problem = (await Assert.ThrowsAsync<ProblemException>(refused)).Problem;
            Assert.Equal((409, "urn:baremetal:problem:protected"), (problem.Status, problem.Type));
            Assert.Contains("conductor node unprotect n1", problem.Remedy, StringComparison.Ordinal);
        }
        Assert.Equal(state, (await conductor.Operator.GetNodeAsync("n1", None)).State);

        Assert.False((await conductor.Operator.UnprotectAsync("n1", None)).Protected);
        Assert.Equal(JobKind.Deploy, (await conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None)).Kind);
        var late = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.ProtectAsync("n1", None))).Problem;
        Assert.Contains("cannot be protected meanwhile", late.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Maintenance_OfANode_KeepsJobsFromBeginningAndSaysWhy()
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        await EnrolAsync(conductor, NodeState.Available);
        Assert.Equal("new memory", (await conductor.Operator.BeginMaintenanceAsync("n1", " new memory ", None)).Maintenance);

        foreach (var refused in new Func<Task>[] { () => conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None), () => conductor.Operator.InspectAsync("n1", None) })
        {
            var problem = (await Assert.ThrowsAsync<ProblemException>(refused)).Problem;
            Assert.Equal((409, "Node n1 is in maintenance: new memory."), (problem.Status, problem.Title));
            Assert.Contains("--end", problem.Remedy, StringComparison.Ordinal);
        }
        Assert.Null((await conductor.Operator.EndMaintenanceAsync("n1", None)).Maintenance);
        await conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.BeginMaintenanceAsync("n1", "too late", None))).Problem.Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("two\nlines")]
    public async Task Maintenance_WithoutAReasonThatFitsALine_IsRefused(string reason)
    {
        await using var conductor = await TestConductor.StartAsync();
        await EnrolAsync(conductor, NodeState.Available);
        Assert.Equal(400, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.BeginMaintenanceAsync("n1", reason, None))).Problem.Status);
    }

    [Fact]
    public async Task Adopt_AServerThatRuns_IsActiveAndProtectedAndNothingIsDoneToIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        await EnrolAsync(conductor, NodeState.Enrolled);

        var node = await conductor.Operator.AdoptAsync("n1", None);

        Assert.Equal((NodeState.Active, true), (node.State, node.Protected));
        Assert.Empty(await conductor.Operator.ListJobsAsync(None).ToListAsync(None));
        // Asked again, after somebody has unprotected it: the answer that was lost must not protect it anew.
        await conductor.Operator.UnprotectAsync("n1", None);
        Assert.False((await conductor.Operator.AdoptAsync("n1", None)).Protected);
    }

    [Fact]
    public async Task Enrol_DryRun_ChecksAndEnrolsNothing()
    {
        await using var conductor = await TestConductor.StartAsync();
        var ask = new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("redfish", "https://bmc-1", "admin", "secret"), DryRun: true);

        Assert.Equal(("n1", ""), (await conductor.Operator.EnrolNodeAsync(ask, None)) is var node ? (node.Name, node.Id) : default);

        Assert.Empty(await conductor.Operator.ListNodesAsync(None).ToListAsync(None));
        await conductor.Operator.EnrolNodeAsync(ask with { DryRun = false }, None);
        Assert.Equal(409, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(ask, None))).Problem.Status);
        Assert.Equal(400, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(ask with { Mac = "x" }, None))).Problem.Status);
    }

    [Fact]
    public async Task Edit_ANode_ChangesWhatIsGivenAndNothingElse()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("redfish", "https://bmc-1/redfish/v1/Systems/1", "admin", "secret")), None);

        var node = await conductor.Operator.EditNodeAsync("n1", new EditNode(Name: "n2", BootPolicy: BootPolicy.NetworkFirst), None);

        Assert.Equal(("n2", BootPolicy.NetworkFirst, "https://bmc-1/redfish/v1/Systems/1", "admin", "52:54:00:00:00:01"), (node.Name, node.BootPolicy, node.Power.Address, node.Power.Username, node.Mac));
        node = await conductor.Operator.EditNodeAsync("n2", new EditNode(Power: new PowerSettings("manual")), None);
        Assert.Equal(new PowerSettings("manual"), node.Power);
        Assert.Equal(0, conductor.Database.Read(sql => sql.QuerySingle<long>("SELECT count(*) FROM nodes WHERE power_password IS NOT NULL OR power_system IS NOT NULL")));
    }

    [Fact]
    public async Task Edit_ToWhatAnotherNodeHas_IsRefusedNamingBoth()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("redfish", "https://bmc-1/redfish/v1/Systems/1")), None);
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        foreach (var edit in new[] { new EditNode(Name: "N1"), new EditNode(Mac: "52-54-00-00-00-01"), new EditNode(Power: new PowerSettings("redfish", "https://BMC-1/redfish/v1/Systems/1/")) })
        {
            var problem = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EditNodeAsync("n2", edit, None))).Problem;
            Assert.Equal((409, "urn:baremetal:problem:exists"), (problem.Status, problem.Type));
            Assert.Contains("n1", problem.Title, StringComparison.Ordinal);
        }
        Assert.Equal(400, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EditNodeAsync("n2", new EditNode(Mac: "nonsense"), None))).Problem.Status);
        Assert.Equal(400, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EditNodeAsync("n2", new EditNode(Power: new PowerSettings("magic")), None))).Problem.Status);
    }

    [Theory]
    [InlineData(NodeState.Available, NodeState.Enrolled)]
    [InlineData(NodeState.Active, NodeState.Active)]
    public async Task Edit_TheMac_TakesTheApprovalBack(NodeState state, NodeState then)
    {
        await using var conductor = await TestConductor.StartAsync();
        await EnrolAsync(conductor, state);

        var node = await conductor.Operator.EditNodeAsync("n1", new EditNode(Mac: "52:54:00:00:00:09"), None);

        Assert.Equal((then, "52:54:00:00:00:09"), (node.State, node.Mac));
    }

    [Fact]
    public async Task Edit_WhileAJobWorks_IsRefusedNamingIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        await EnrolAsync(conductor, NodeState.Available);
        var job = await conductor.Operator.InspectAsync("n1", None);

        var problem = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EditNodeAsync("n1", new EditNode(Name: "n2"), None))).Problem;

        Assert.Equal(409, problem.Status);
        Assert.Contains(job.Id, problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_WhileAJobWorks_SaysWhichStepSinceWhenAndWhatComesNext()
    {
        await using var conductor = await TestConductor.StartAsync();
        await EnrolAsync(conductor, NodeState.Available);
        var job = await conductor.Operator.InspectAsync("n1", None);

        var work = (await conductor.Operator.GetNodeAsync("n1", None)).Work;
        await Until.TrueAsync(async () => (work = (await conductor.Operator.GetNodeAsync("n1", None)).Work)?.WaitingFor is not null, "the job to wait for its operator");

        Assert.Equal((job.Id, JobKind.Inspect, "wait-for-agent"), (work!.Job, work.Kind, work.Step));
        Assert.Contains("switch it on", work.WaitingFor, StringComparison.Ordinal);
        Assert.Equal(["inspect"], work.Next);
    }

    private static async Task EnrolAsync(TestConductor conductor, NodeState state)
    {
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET state = @state", new { state = state.ToString() }));
    }
}
