using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;

namespace Baremetal.Conductor.Power;

/// <summary>Power by an operator's hand.</summary>
internal static class PowerEndpoints
{
    public static async Task<PowerReport> Show(string node, IDatabase database, PowerDrivers drivers, CancellationToken cancel) =>
        new(await AskAsync(database.Read(sql => NodeTable.Get(sql, node)), drivers, driver => driver.GetStateAsync(cancel)));

    /// <summary>An operator who stops waiting does not stop the driver: a cycle that ended in its middle would leave the machine off.</summary>
    public static async Task<PowerReport> Set(string node, SetPower ask, IDatabase database, PowerDrivers drivers, IHostApplicationLifetime host)
    {
        var row = database.Read(sql => NodeTable.Get(sql, node));
        if (row.CurrentJob is { } job)
            throw Problems.Conflict("state-forbids", $"Job {job} works on node {row.Name}; switching it now would break that.", $"Wait for its end, or abort it: 'conductor job abort {job}'.");
        return new PowerReport(await AskAsync(row, drivers, async driver =>
        {
            await driver.SetAsync(ask.Target, host.ApplicationStopping);
            return await driver.GetStateAsync(host.ApplicationStopping);
        }));
    }

    private static async Task<PowerState> AskAsync(NodeRow node, PowerDrivers drivers, Func<IPowerDriver, Task<PowerState>> ask)
    {
        try
        {
            return await ask(drivers.For(node));
        }
        catch (PowerException e)
        {
            // Clients try again after a 502, and need not after what will not pass.
            throw new ProblemException(Problems.Of(e.Again ? StatusCodes.Status502BadGateway : StatusCodes.Status422UnprocessableEntity, "power", $"Node {node.Name}: {e.Cause}", e.Remedy));
        }
    }
}
