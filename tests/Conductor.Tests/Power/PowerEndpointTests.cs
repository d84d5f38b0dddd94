using Baremetal.Api;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Lab;
using Baremetal.Netboot;
using Dapper;

namespace Baremetal.Conductor.Tests.Power;

public sealed class PowerEndpointTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(401, 422)]
    [InlineData(503, 502)]
    public async Task Power_ControllerFails_SaysWhetherItMayPass(int controller, int status)
    {
        await using var site = await TestSite.StartAsync();
        site.Bmc.Fault = http =>
        {
            http.Response.StatusCode = controller;
            return Task.FromResult(true);
        };
        var failure = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.Reset, None));
        Assert.Equal(status, failure.Problem.Status);
        Assert.Contains($"{controller}", failure.Problem.Title, StringComparison.Ordinal);
        // The answer is for whoever asked; where it was found in our code helps nobody.
        Assert.DoesNotContain(site.Conductor.Log, line => line.Contains("failed (trace", StringComparison.Ordinal));
        if (status >= 500)
            Assert.Contains(site.Conductor.Log, line => line.Contains("/power: Node n1: ", StringComparison.Ordinal) && line.Contains("503", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://bmc.example:80/redfish/v1/Systems/node-1/")]
    [InlineData("HTTP://BMC.Example./redfish/v1/systems/Node-1")]
    [InlineData("https://bmc.example//redfish/v1/Systems/node%2D1?x=y")]
    public async Task Enrol_WithTheSystemOfAnotherNode_IsRefusedNamingIt(string same)
    {
        await using var conductor = await TestConductor.StartAsync();
        EnrolNode Node(int number, string address) => new($"n{number}", $"52:54:00:00:00:{number:x2}", new PowerSettings("redfish", address));
        await conductor.Operator.EnrolNodeAsync(Node(1, "http://bmc.example/redfish/v1/Systems/node-1"), None);
        await conductor.Operator.EnrolNodeAsync(Node(2, "http://bmc.example/redfish/v1/Systems/node-2"), None);
        await conductor.Operator.EnrolNodeAsync(Node(3, "http://bmc.example:8000/redfish/v1/Systems/node-1"), None);
        await conductor.Operator.EnrolNodeAsync(Node(4, "http://other.example"), None);
        foreach (var (node, other) in new[] { (Node(5, same), "n1"), (Node(6, "http://other.example:80/redfish/v1/"), "n4") })
        {
            var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(node, None));
            Assert.Equal(409, refusal.Problem.Status);
            Assert.Contains($"'{other}'", refusal.Problem.Title, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Enrol_WithAnAccountOverPlainHttp_IsRefusedUnlessItStaysOnThisMachine()
    {
        await using var conductor = await TestConductor.StartAsync();
        EnrolNode Node(int number, PowerSettings power) => new($"n{number}", $"52:54:00:00:00:{number:x2}", power);
        var clear = new PowerSettings("redfish", "http://bmc.example/redfish/v1/Systems/1", "ops", "s3cret");
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(Node(1, clear), None));
        Assert.Equal(400, refusal.Problem.Status);
        Assert.Contains("https://bmc.example/redfish/v1/Systems/1", refusal.Problem.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", refusal.Message, StringComparison.Ordinal);

        await conductor.Operator.EnrolNodeAsync(Node(1, clear with { Username = null, Password = null }), None);
        await conductor.Operator.EnrolNodeAsync(Node(2, clear with { Address = "http://127.0.0.1:8000/redfish/v1/Systems/2" }), None);
        await conductor.Operator.EnrolNodeAsync(Node(3, clear with { Address = "https://other.example" }), None);
        await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EditNodeAsync("n3", new EditNode(Power: clear), None));
    }

    [Theory]
    [InlineData("ipmi://bmc.example")]
    [InlineData("IPMI://BMC.example.:623/?cipher=3")]
    public async Task Enrol_WithTheBmcOfAnotherNode_IsRefusedNamingIt(string same)
    {
        await using var conductor = await TestConductor.StartAsync();
        EnrolNode Node(int number, string address) => new($"n{number}", $"52:54:00:00:00:{number:x2}", new PowerSettings("ipmi", address, "ops", "s3cret"));
        await conductor.Operator.EnrolNodeAsync(Node(1, "ipmi://bmc.example?cipher=17"), None);
        await conductor.Operator.EnrolNodeAsync(Node(2, "ipmi://bmc.example:6230"), None);
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(Node(3, same), None));
        Assert.Equal(409, refusal.Problem.Status);
        Assert.Contains("'n1'", refusal.Problem.Title, StringComparison.Ordinal);
        await conductor.Operator.EditNodeAsync("n1", new EditNode(Power: new PowerSettings("ipmi", "ipmi://bmc.example", "ops", "changed")), None);
    }

    [Theory]
    [InlineData("ipmi://-I", "ops", "s3cret", null)]
    [InlineData("ipmi://bmc", null, "s3cret", null)]
    [InlineData("ipmi://bmc", "ops", null, null)]
    [InlineData("ipmi://bmc", "ops", "", null)]
    [InlineData("ipmi://bmc", "ops", "s3cret\n", null)]
    [InlineData("ipmi://bmc", "ops", "123456789012345678901", null)]
    [InlineData("ipmi://bmc", "12345678901234567", "s3cret", null)]
    [InlineData("ipmi://bmc", "ops", "s3cret", "00")]
    public async Task Enrol_WithWhatIpmiCannotHave_IsRefusedWithoutThePassword(string address, string? user, string? password, string? pin)
    {
        await using var conductor = await TestConductor.StartAsync();
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("ipmi", address, user, password, pin)), None));
        Assert.Equal(400, refusal.Problem.Status);
        Assert.True(string.IsNullOrEmpty(password) || !refusal.Message.Contains(password, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Power_ByIpmi_SwitchesAndTellsNobodyThePassword()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var bmc = await TestIpmi.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", bmc.Power), None);
        await conductor.Operator.SetPowerAsync("n1", PowerTarget.On, None);
        Assert.True(bmc.IsOn);
        Assert.Null((await conductor.Operator.GetNodeAsync("n1", None)).Power.Password);
        bmc.Process.Signal(LabProcess.SigKill);
        var job = await conductor.Operator.InspectAsync("n1", None);
        var waiting = await Until.JobAsync(conductor.Operator, job.Id, now => now.WaitingFor is not null, "word of the BMC's silence");
        Assert.DoesNotContain(bmc.Password, waiting.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(conductor.Log, line => line.Contains(bmc.Password, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Power_BaseAddressThatLeadsToAnotherNodesSystem_SwitchesNothingAndNamesIt()
    {
        await using var site = await TestSite.StartAsync();
        var op = site.Conductor.Operator;
        await op.SetPowerAsync("n1", PowerTarget.On, None);
        await op.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", site.Bmc.Power), None);
        foreach (var call in new Func<Task>[] { () => op.SetPowerAsync("n2", PowerTarget.Off, None), () => op.GetPowerAsync("n2", None) })
        {
            var refusal = await Assert.ThrowsAsync<ProblemException>(call);
            Assert.Equal(422, refusal.Problem.Status);
            Assert.Contains("which is node n1", refusal.Problem.Title, StringComparison.Ordinal);
        }
        var job = await op.InspectAsync("n2", None);
        Assert.Contains("which is node n1", (await Until.JobEndAsync(op, job.Id)).Cause, StringComparison.Ordinal);
        Assert.True(site.Bmc.On);
        Assert.Equal(1, site.Bmc.Starts);
    }

    [Fact]
    public async Task Power_TwoNodesOfAnOlderConductorThatAreOneSystem_AreSwitchedByNeither()
    {
        await using var site = await TestSite.StartAsync();
        var op = site.Conductor.Operator;
        await op.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", site.Bmc.Power with { Address = $"{site.Bmc.Url}/redfish/v1/Systems/1" }), None);
        site.Conductor.Database.Write(tx => tx.Sql.Execute(
            "UPDATE nodes SET power_address = (SELECT power_address FROM nodes WHERE name = 'n2'), power_system = NULL"));
        foreach (var node in new[] { "n1", "n2" })
            await Assert.ThrowsAsync<ProblemException>(() => op.SetPowerAsync(node, PowerTarget.On, None));
        Assert.False(site.Bmc.On);
        await op.RemoveNodeAsync("n2", None);
        await op.SetPowerAsync("n1", PowerTarget.On, None);
        Assert.True(site.Bmc.On);
    }

    [Fact]
    public async Task Power_ByHand_IsRefusedForGood()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        Assert.Equal(422, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.SetPowerAsync("n2", PowerTarget.On, None))).Problem.Status);
    }

    [Fact]
    public async Task Start_ByHandWhereNobodyAnswersDhcp_SaysSoToTheOperator()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        var job = await conductor.Operator.InspectAsync("n2", None);
        var waiting = await Until.JobAsync(conductor.Operator, job.Id, now => now.WaitingFor?.Contains("boot menu", StringComparison.Ordinal) == true, "the operator to be asked");
        Assert.EndsWith("; this conductor answers no DHCP (dhcp.mode off)", waiting.WaitingFor, StringComparison.Ordinal);
        var answering = new ManualDriver("n2", new DhcpSettings { Mode = DhcpMode.Proxy }.Silence);
        Assert.EndsWith("in its boot menu", (await answering.BootFromNetworkAsync(new NetworkStart(null, BootPolicy.DiskFirst), None)).ByHand, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cycle_OperatorStopsWaitingWhileTheMachineIsOff_IsSwitchedOnAllTheSame()
    {
        await using var site = await TestSite.StartAsync();
        await site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.On, None);
        var off = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        site.Bmc.Fault = async http =>
        {
            if (site.Bmc.On)
                return false;
            off.TrySetResult(true);
            await goOn.Task;
            return http.RequestAborted.IsCancellationRequested;
        };
        using var person = new CancellationTokenSource();
        var cycle = site.Conductor.Operator.SetPowerAsync("n1", PowerTarget.Cycle, person.Token);
        await Until.DoneAsync(off.Task, "the machine to be off");
        await person.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cycle);
        // By the time that a new connection has shaken hands and been answered, the end of the old one has been noticed.
        await site.NodeAsync();
        goOn.SetResult();
        await Until.TrueAsync(() => Task.FromResult(site.Bmc.On), "the machine to be on again");
    }
}
