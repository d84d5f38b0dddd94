using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Support;

namespace Baremetal.DeployAgent.Tests;

/// <summary>Who the agent believes, and how it becomes known and stays so.</summary>
public sealed class EnrolmentTests : IDisposable
{
    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Fact]
    public async Task Run_FreshMachine_EnrolsTellsItsInventoryAndBeats()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("three heartbeats", () => conductor.Heartbeats.Count >= 3);

        Assert.Equal("vda", Assert.Single(conductor.Inventory!.Disks).Name);
        Assert.True(Assert.Single(conductor.Inventory.NetworkInterfaces).Boot);
        Assert.All(conductor.Heartbeats, beat => Assert.Equal(("boot-3", null, true), (beat.BootId, beat.OrderId, beat.PeakMemoryBytes > 0)));
        Assert.Contains("Enrolled at 127.0.0.1", agent.Output, StringComparison.Ordinal);
        Assert.Contains("agent: disk      vda  64.0 MiB  hdd  512/512  virtio-pci-0000:00:04.0", agent.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(TestConductor.Token, agent.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_FreshMachine_KeepsItsKeyFromOthers()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());
        await agent.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);

        var folder = new DirectoryInfo(Path.Join(_tree.Root, "run/agent"));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, folder.UnixFileMode);
        Assert.Equal(["identity.json", "key.pem", "log"], folder.GetFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
        Assert.All(folder.GetFiles(), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode));
    }

    [Fact]
    public async Task Run_PlainServerHasAnotherCa_EndsBeforeItSaysAnythingToIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var other = new TestCa();
        var boot = conductor.Boot();
        conductor.Ca = other;
        await using var agent = AgentUnderTest.Start(_tree, boot);

        var refused = await Assert.ThrowsAsync<AgentException>(agent.EndAsync);

        Assert.Contains(boot.CaPin, refused.Message, StringComparison.Ordinal);
        Assert.Contains(PinnedHttp.PinOf(other.Certificate), refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, conductor.Enrolments);
    }

    [Fact]
    public async Task Run_TlsServerIsOfAnotherCa_EndsBeforeItSaysAnythingToIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var other = new TestCa();
        conductor.Ca = other;
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        var refused = await Assert.ThrowsAsync<ProblemException>(agent.EndAsync);

        Assert.Equal(Problems.Untrusted, refused.Problem.Type);
        Assert.Equal(0, conductor.Enrolments);
    }

    [Theory]
    [InlineData(2020, 2026)]
    [InlineData(2040, 2026)]
    [InlineData(2026, 1970)]
    [InlineData(2026, 2040)]
    public async Task Run_MachineAndConductorInDifferentYears_TheConductorsCounts(int conductorsYear, int machinesYear)
    {
        await using var conductor = await TestConductor.StartAsync(new DateTimeOffset(conductorsYear, 6, 1, 0, 0, 0, TimeSpan.Zero));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), new JumpingClock(new DateTimeOffset(machinesYear, 6, 1, 0, 0, 0, TimeSpan.Zero)));

        await agent.UntilAsync("two heartbeats", () => conductor.Heartbeats.Count >= 2);

        Assert.Equal(0, conductor.Renewals);
    }

    [Fact]
    public async Task Run_TokenWasUsedWithAnotherKey_EndsWithTheConductorsWords()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using var first = AgentUnderTest.Start(_tree, conductor.Boot());
        await first.UntilAsync("the inventory", () => conductor.Inventory is not null);
        using var thief = new MachineTree("virtio-vm");
        await using var second = AgentUnderTest.Start(thief, conductor.Boot());

        var refused = await Assert.ThrowsAsync<ProblemException>(second.EndAsync);

        Assert.Equal((409, 1), (refused.Problem.Status, conductor.Enrolments));
    }

    [Fact]
    public async Task Run_StartedAgain_ComesBackAsItselfWithoutTheToken()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using (var first = AgentUnderTest.Start(_tree, conductor.Boot()))
        {
            await first.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);
            await first.StopAsync();
        }
        conductor.Heartbeats.Clear();
        await using var second = AgentUnderTest.Start(_tree, conductor.Boot() with { Token = "ended" });

        await second.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);

        Assert.Equal((1, 1), (conductor.Enrolments, conductor.Renewals));
        Assert.Contains("Back as node n7, boot boot-3.", second.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AnswerToTheFirstEnrolmentWasLost_EnrolsWithTheSameKey()
    {
        await using var conductor = await TestConductor.StartAsync();
        await using (var first = AgentUnderTest.Start(_tree, conductor.Boot()))
        {
            await first.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);
            await first.StopAsync();
        }
        File.Delete(Path.Join(_tree.Root, "run/agent/identity.json"));
        await using var second = AgentUnderTest.Start(_tree, conductor.Boot());

        await second.UntilAsync("the second enrolment", () => conductor.Enrolments == 2);
    }

    [Fact]
    public async Task Run_CertificateEndedWhileTheAgentWasDown_TheTokenDecides()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync();
        await using (var first = AgentUnderTest.Start(_tree, conductor.Boot(), clock))
        {
            await first.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);
            await first.StopAsync();
        }
        clock.Jump(TimeSpan.FromHours(2));
        await using var second = AgentUnderTest.Start(_tree, conductor.Boot() with { Token = "ended" }, clock);

        var refused = await Assert.ThrowsAsync<ProblemException>(second.EndAsync);

        Assert.Equal((403, 0), (refused.Problem.Status, conductor.Renewals));
    }

    [Fact]
    public async Task Run_HalfOfTheCertificatesLifeIsOver_RenewsIt()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), clock);
        await agent.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);
        Assert.Equal(0, conductor.Renewals);

        clock.Jump(TimeSpan.FromMinutes(35));
        await agent.UntilAsync("the renewal", () => conductor.Renewals == 1);
        conductor.Heartbeats.Clear();
        await agent.UntilAsync("a heartbeat with the new certificate", () => !conductor.Heartbeats.IsEmpty);

        Assert.Equal((1, 1), (conductor.Enrolments, conductor.Renewals));
    }

    [Fact]
    public async Task Run_ConductorIsAwayForLongerThanTheCertificate_EndsSayingSo()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync();
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), clock);
        await agent.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);

        await conductor.GoAwayAsync();
        clock.Jump(TimeSpan.FromMinutes(70));
        var ended = await Assert.ThrowsAsync<AgentException>(agent.EndAsync);

        Assert.Contains("certificate ended", ended.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ConductorIsAwayAtFirstAndAgainLater_GoesOnAndSaysSoOnce()
    {
        await using var conductor = await TestConductor.StartAsync();
        var boot = conductor.Boot();
        await conductor.GoAwayAsync();
        await using var agent = AgentUnderTest.Start(_tree, boot);
        await agent.UntilAsync("the agent to see that nobody is there", () => agent.Output.Contains("cannot be reached", StringComparison.Ordinal));

        await conductor.ComeBackAsync();
        await agent.UntilAsync("a heartbeat", () => !conductor.Heartbeats.IsEmpty);
        await conductor.GoAwayAsync();
        await agent.UntilAsync("the second outage", () => Count(agent.Output, "Trying until it answers.") == 2);
        conductor.Heartbeats.Clear();
        await conductor.ComeBackAsync();
        await agent.UntilAsync("heartbeats again", () => conductor.Heartbeats.Count > 2);

        Assert.Equal((2, 2), (Count(agent.Output, "Trying until it answers."), Count(agent.Output, "answers again")));
        Assert.Equal(1, conductor.Enrolments);
    }

    [Fact]
    public async Task Run_TrustDocumentIsNotThePinnedOne_Ends()
    {
        await using var conductor = await TestConductor.StartAsync();
        var boot = conductor.Boot() with { Trust = default(Trust.Digest) };
        await using var agent = AgentUnderTest.Start(_tree, boot);

        var refused = await Assert.ThrowsAsync<AgentException>(agent.EndAsync);

        Assert.Contains("None of the conductor's 2 trust documents is the one that the boot script pins", refused.Message, StringComparison.Ordinal);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
