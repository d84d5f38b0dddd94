using Baremetal.DeployAgent.Orders;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>rescue</c>: the operator's keys are put where the rescue part of the ramdisk (ramdisk/rescue) looks for them, which runs an SSH server while
/// they are there. It is done when its time is over or the conductor ends it.
/// </summary>
internal static class RescueStep
{
    private const string Folder = "/run/rescue";
    private const string Keys = Folder + "/authorized_keys";
    private const string HostKey = Folder + "/host_key";

    /// <summary>A key is made in a second; a virtual server that is emulated has less entropy and time.</summary>
    private static readonly TimeSpan ServerStart = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    public static async Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        if (!Directory.Exists(run.Machine.PathOf(Folder)))
            return new StepEnd(new Rejection("This machine was booted without the rescue part of the ramdisk.", "Build it with ramdisk/rescue.sh, and rescue the node again."));
        var (rescue, began) = (run.Order.Rescue!, run.Time.GetTimestamp());
        // Whole at once: the server is started by whoever finds the file.
        var keys = run.Machine.PathOf(Keys);
        await File.WriteAllLinesAsync(keys + ".new", rescue.SshKeys, cancel);
        File.Move(keys + ".new", keys, overwrite: true);
        try
        {
            while (run.Machine.Text(HostKey) is null)
            {
                if (run.Time.GetElapsedTime(began) > ServerStart)
                    return new StepEnd(new Rejection($"The SSH server did not start within {ServerStart.TotalSeconds:0} seconds.", "Look at the machine's console."));
                await Task.Delay(Between, run.Time, cancel);
            }
            await run.TellHostKeyAsync(run.Machine.Text(HostKey)!, cancel);
            run.Console.Say($"Rescue: root may log in by SSH for {rescue.Seconds} seconds.");
            await Task.Delay(TimeSpan.FromSeconds(rescue.Seconds), run.Time, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Ended by an operator, which is one of its two good ends.
        }
        finally
        {
            File.Delete(keys);
        }
        run.Console.Say("The rescue is over.");
        return StepEnd.Done;
    }
}
