using Baremetal.Api;

namespace Baremetal.Lab.Bmc;

/// <summary>A virtual server behind a BMC: orders are taken at once and carried out one after the other.</summary>
public sealed class ServerChassis(VirtualServer server) : IChassis
{
    private readonly Lock gate = new();
    private Task last = Task.CompletedTask;

    public bool IsOn => server.PowerState == PowerState.On;

    public BootTarget NextBoot
    {
        get => server.NextBoot;
        set => server.NextBoot = value;
    }

    public void Switch(bool on) => Enqueue(() => on ? server.PowerOnAsync() : server.PowerOffAsync());

    public void Reset() => Enqueue(() => server.ResetAsync());

    private void Enqueue(Func<Task> action)
    {
        lock (gate)
            last = RunAsync(last, action);
    }

    private async Task RunAsync(Task before, Func<Task> action)
    {
        await before;
        try
        {
            await action();
        }
        catch (Exception error) when (error is InvalidOperationException or TimeoutException or IOException)
        {
            // Whoever gave the order has gone; a BMC would write it into its log.
            server.Events.AppendLine($"bmc: {error.Message}");
        }
    }
}
