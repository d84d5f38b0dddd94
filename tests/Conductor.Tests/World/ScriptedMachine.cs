using Baremetal.Api;
using Baremetal.Netboot;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.World;

/// <summary>
/// A machine that does by itself what machines do: started from the network it boots the agent if it is told to, which waits for orders
/// and obeys them; started otherwise it boots its disk. Calls that a dying conductor does not answer are made again.
/// </summary>
internal sealed class ScriptedMachine(TestConductor conductor, string mac) : IDisposable
{
    private CancellationTokenSource _power = new();
    private Task _running = Task.CompletedTask;
    private bool _written;
    private volatile string _doing = "is off";

    /// <summary>How often an image was written from its beginning to its end.</summary>
    public int Writes { get; private set; }

    /// <summary>What it does or waits for, or why it does nothing any more.</summary>
    public string Doing => _running.Exception?.InnerException?.ToString() ?? _doing;

    public void Start(bool fromNetwork)
    {
        var (was, before) = (_power, _running);
        _power = new CancellationTokenSource();
        var cancel = _power.Token;
        _doing = "waits for its power to be gone";
        _running = Task.Run(async () =>
        {
            await was.CancelAsync();
            await before;
            try
            {
                if (fromNetwork)
                    await RunAgentAsync(cancel);
                if (_written)
                    await DoAsync("asks for an address", SeeSystemAsync, cancel);
                _doing = "has nothing to do";
            }
            catch (OperationCanceledException)
            {
                _doing = "is off";
            }
        });
    }

    public async Task StopAsync()
    {
        await _power.CancelAsync();
        await _running;
    }

    public void Dispose() => _power.Dispose();

    public static async Task TryAsync(Func<Task> call, CancellationToken cancel = default)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                await call();
                cancel.ThrowIfCancellationRequested();
                return;
            }
            catch (Exception e) when (e is HttpRequestException or ProblemException { Problem.Status: 0 or >= 500 } || (e is OperationCanceledException && !cancel.IsCancellationRequested))
            {
                await pace.WaitForNextTickAsync(cancel);
            }
        }
    }

    private Task DoAsync(string what, Func<Task> call, CancellationToken cancel)
    {
        _doing = what;
        return TryAsync(call, cancel);
    }

    private async Task RunAgentAsync(CancellationToken cancel)
    {
        using var agent = new TestAgent(conductor, mac);
        await DoAsync("fetches its boot script", () => agent.FetchScriptAsync(), cancel);
        if (agent.Token is null)
            return;
        await DoAsync("enrols", () => agent.EnrolAsync(), cancel);
        await DoAsync("tells its inventory", () => agent.TellInventoryAsync(TestAgent.Machine()), cancel);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var waits = false;
            await DoAsync("waits for orders", async () => waits = (await agent.BeatAsync()).OrderWaiting, cancel);
            if (waits && await TryRunOrderAsync(agent, cancel))
                return;
            await pace.WaitForNextTickAsync(cancel);
        }
    }

    private async Task<bool> TryRunOrderAsync(TestAgent agent, CancellationToken cancel)
    {
        Trust.DeployOrder? order = null;
        await DoAsync("asks for its order", async () => order = await agent.AskOrderAsync(), cancel);
        if (order is null)
            return false;
        foreach (var step in order.Steps)
        {
            if (step.Name == OrderSteps.WriteImage)
            {
                if (order.ConfigDriveSha256 is not null)
                    await DoAsync("fetches its config drive", () => agent.FetchConfigDriveAsync(order.OrderId), cancel);
                Writes++;
                _written = true;
            }
            await DoAsync($"reports {step.Name}", () => agent.ReportAsync(order, step.Name, StepOutcome.Started), cancel);
            await DoAsync($"reports {step.Name}", () => agent.ReportAsync(order, step.Name, StepOutcome.Done), cancel);
        }
        return true;
    }

    // DHCP clients ask again and again too.
    private async Task SeeSystemAsync()
    {
        Assert.True(MacAddress.TryParse(mac, out var address));
        var job = (await conductor.Operator.GetNodeAsync(mac, CancellationToken.None)).CurrentJob;
        if (job is null)
            return;
        try
        {
            conductor.Services.GetRequiredService<IBootPolicy>().Seen(new Sighting(address, System.Net.IPAddress.Parse("10.0.0.10"), ClientKind.System, null));
        }
        catch (ObjectDisposedException)
        {
            // Between two processes nobody hears it.
        }
        throw new HttpRequestException("asks again");
    }
}
