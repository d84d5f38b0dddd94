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

    /// <summary>How often an image was written from its beginning to its end.</summary>
    public int Writes { get; private set; }

    /// <summary>Why it does nothing any more, if it does nothing any more and was not told to stop.</summary>
    public Exception? Fault => _running.Exception?.InnerException;

    public void Start(bool fromNetwork)
    {
        var (was, before) = (_power, _running);
        _power = new CancellationTokenSource();
        var cancel = _power.Token;
        _running = Task.Run(async () =>
        {
            await was.CancelAsync();
            await before;
            try
            {
                if (fromNetwork)
                    await RunAgentAsync(cancel);
                if (_written)
                    await TryAsync(SeeSystemAsync, cancel);
            }
            catch (OperationCanceledException)
            {
                // Power is gone.
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

    private async Task RunAgentAsync(CancellationToken cancel)
    {
        using var agent = new TestAgent(conductor, mac);
        await TryAsync(() => agent.FetchScriptAsync(), cancel);
        if (agent.Token is null)
            return;
        await TryAsync(() => agent.EnrolAsync(), cancel);
        await TryAsync(() => agent.TellInventoryAsync(TestAgent.Machine()), cancel);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var waits = false;
            await TryAsync(async () => waits = (await agent.BeatAsync()).OrderWaiting, cancel);
            if (waits && await TryRunOrderAsync(agent, cancel))
                return;
            await pace.WaitForNextTickAsync(cancel);
        }
    }

    private async Task<bool> TryRunOrderAsync(TestAgent agent, CancellationToken cancel)
    {
        Trust.DeployOrder? order = null;
        await TryAsync(async () => order = await agent.AskOrderAsync(), cancel);
        if (order is null)
            return false;
        foreach (var step in order.Steps)
        {
            if (step.Name == OrderSteps.WriteImage)
            {
                if (order.ConfigDriveSha256 is not null)
                    await TryAsync(() => agent.FetchConfigDriveAsync(order.OrderId), cancel);
                Writes++;
                _written = true;
            }
            await TryAsync(() => agent.ReportAsync(order, step.Name, StepOutcome.Started), cancel);
            await TryAsync(() => agent.ReportAsync(order, step.Name, StepOutcome.Done), cancel);
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
