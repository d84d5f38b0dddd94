using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;

namespace Baremetal.Conductor.Operations;

/// <summary>For whatever watches the process.</summary>
internal static class OperationsEndpoints
{
    /// <summary>Alive: the worker's loop comes round. A process whose loop hangs should be restarted, however well it still answers.</summary>
    public static IResult Health(Worker worker) => worker.SinceTick < Watchdog.Patience
        ? TypedResults.Text("ok\n")
        : TypedResults.Text($"the worker's loop has not come round for {worker.SinceTick.TotalSeconds:0} s\n", statusCode: StatusCodes.Status503ServiceUnavailable);

    /// <summary>Able to work: all services are up, netboot last of them, and the database answers.</summary>
    public static IResult Ready(IDatabase database, IHostApplicationLifetime host)
    {
        if (!host.ApplicationStarted.IsCancellationRequested)
            return TypedResults.Text("starting\n", statusCode: StatusCodes.Status503ServiceUnavailable);
        try
        {
            database.Read(EventLog.Last);
            return TypedResults.Text("ready\n");
        }
        catch (System.Data.Common.DbException e)
        {
            return TypedResults.Text($"the database does not answer: {e.Message}\n", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}
