using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;
using Baremetal.Trust;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Model;

/// <summary>
/// A machine whose agent does one thing at a time, when it is told to. It remembers which of its agents and orders are former, and which
/// steps of a job were reported done: an order must name none of these again.
/// </summary>
internal sealed class LifeMachine(TestConductor conductor) : IDisposable
{
    private readonly Guid _uuid = Guid.NewGuid();
    private readonly HashSet<(string Job, string Step)> _done = [];
    private readonly List<TestAgent> _agents = [];
    private readonly List<(TestAgent Agent, DeployOrder Order)> _former = [];
    private bool _isStartedFromNetwork;
    private TestAgent? _agent;
    private DeployOrder? _order;
    private Queue<(string Step, StepOutcome Outcome)> _toReport = [];

    public void Start(bool fromNetwork)
    {
        LosePower();
        _isStartedFromNetwork = fromNetwork;
    }

    public void LosePower()
    {
        DropOrder();
        (_agent, _isStartedFromNetwork) = (null, false);
    }

    public async Task BootAsync()
    {
        if (!_isStartedFromNetwork || _agent is not null)
            return;
        var agent = new TestAgent(conductor, TestSite.Mac) { Uuid = _uuid };
        _agents.Add(agent);
        await agent.FetchScriptAsync();
        if (agent.Token is null)
            return;
        await agent.EnrolAsync();
        await agent.TellInventoryAsync(TestAgent.Machine());
        _agent = agent;
    }

    /// <summary>The next thing that an agent does: asks whether there is an order, or goes on with the one that it has.</summary>
    public async Task ObeyAsync()
    {
        if (_agent is not { } agent)
            return;
        if (_order is not { } order)
        {
            if ((await agent.BeatAsync()).OrderWaiting && await agent.AskOrderAsync() is { } given)
                await TakeAsync(given);
            return;
        }
        var (step, outcome) = _toReport.Peek();
        await ReportAsync(agent, order, step, outcome);
        _toReport.Dequeue();
        if (_toReport.Count == 0)
            DropOrder();
        if (step == OrderSteps.Reboot && outcome == StepOutcome.Done)
            LosePower();
    }

    public async Task FailAsync()
    {
        if (_agent is not { } agent || _order is not { } order)
            return;
        var (step, _) = _toReport.Peek();
        await ReportAsync(agent, order, step, StepOutcome.Failed);
        DropOrder();
    }

    public void RestartAgent()
    {
        DropOrder();
        _agent?.RestartProcess();
    }

    /// <summary>A report on an order that is not the newest any more, as a packet that was long under way would bring it.</summary>
    public async Task SpeakAsFormerAsync()
    {
        if (_former.Count == 0)
            return;
        var (agent, order) = _former[0];
        _former.RemoveAt(0);
        // The conductor cannot know that it is over before somebody else has come in its place.
        if (_agent is null || (_agent == agent && (_order is null || _order.AgentNonce == order.AgentNonce)))
            return;
        var isHeard = true;
        try
        {
            await agent.ReportAsync(order, order.Steps[0].Name, StepOutcome.Done);
        }
        catch (ProblemException e) when (e.Problem.Status is >= 400 and < 500)
        {
            isHeard = false;
        }
        Assert.False(isHeard, $"A former agent was heard: order {order.OrderId}, attempt {order.Attempt}.");
    }

    public void SystemAsks()
    {
        Assert.True(MacAddress.TryParse(TestSite.Mac, out var mac));
        conductor.Services.GetRequiredService<IBootPolicy>().Seen(new Sighting(mac, System.Net.IPAddress.Parse("10.0.0.10"), ClientKind.System, null));
    }

    public void Dispose() => _agents.ForEach(agent => agent.Dispose());

    private async Task TakeAsync(DeployOrder order)
    {
        var node = await conductor.Operator.GetNodeAsync(TestSite.Mac, CancellationToken.None);
        if (node.CurrentJob is { } job)
            Assert.Equal(job, order.OrderId);
        Assert.All(order.Steps, step => Assert.False(_done.Contains((order.OrderId, step.Name)), $"'{step.Name}' was reported done and is ordered again."));
        foreach (var (_, former) in _former.Where(former => former.Order.OrderId == order.OrderId && former.Order.AgentNonce != order.AgentNonce))
            Assert.True(former.Attempt < order.Attempt, $"Two starts of an agent have attempts {former.Attempt} and {order.Attempt}.");
        _order = order;
        _toReport = new(order.Steps.SelectMany(step => new[] { (step.Name, StepOutcome.Started), (step.Name, StepOutcome.Done) }));
    }

    private async Task ReportAsync(TestAgent agent, DeployOrder order, string step, StepOutcome outcome)
    {
        try
        {
            await agent.ReportAsync(order, step, outcome, outcome == StepOutcome.Failed ? "It was told to fail." : null);
        }
        catch (ProblemException)
        {
            // An agent whose order is not wanted any more lets it go.
            DropOrder();
            throw;
        }
        if (outcome == StepOutcome.Done)
            _done.Add((order.OrderId, step));
    }

    private void DropOrder()
    {
        if (_agent is { } agent && _order is { } order)
            _former.Add((agent, order));
        (_order, _toReport) = (null, []);
    }
}
