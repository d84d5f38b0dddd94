using System.Globalization;
using Baremetal.DeployAgent.Orders;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// <c>rescue</c>: the operator's keys are put where ramdisk/rescue looks for them, which runs an SSH server while they are there. It comes from the
/// conductor with the first order of this boot, so that nobody else's ramdisk has to carry it. It is done when its time is over or the conductor
/// ends it; should this agent die, the server keeps the time by itself.
/// </summary>
internal static class RescueStep
{
    private const string Program = "/etc/rescue";
    private const string Packed = "/run/rescue.img";
    private const string Folder = "/run/rescue";
    private const string Keys = Folder + "/authorized_keys";
    private const string Ends = Folder + "/ends";
    private const string HostKey = Folder + "/host_key";

    /// <summary>A key is made in a second; a virtual server that is emulated has less entropy and time.</summary>
    private static readonly TimeSpan ServerStart = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    public static async Task<StepEnd> RunAsync(OrderRun run, CancellationToken cancel)
    {
        if (!File.Exists(run.Machine.PathOf(Program)))
            await PutAsync(run, Packed, await run.Enrolled.Client.GetRescueAsync(run.Order.OrderId, cancel), cancel);
        Directory.CreateDirectory(run.Machine.PathOf(Folder));
        var left = await SetEndAsync(run, cancel);
        await PutAsync(run, Keys, System.Text.Encoding.UTF8.GetBytes(string.Join('\n', run.Order.Rescue!.SshKeys) + "\n"), cancel);
        try
        {
            for (var began = run.Time.GetTimestamp(); run.Machine.Text(HostKey) is null; await Task.Delay(Between, run.Time, cancel))
            {
                if (run.Time.GetElapsedTime(began) > ServerStart)
                    return new StepEnd(new Rejection($"The SSH server did not start within {ServerStart.TotalSeconds:0} seconds.", "Look at the machine's console."));
            }
            await run.TellHostKeyAsync(run.Machine.Text(HostKey)!, cancel);
            run.Console.Say($"Rescue: root may log in by SSH for {left.TotalSeconds:0} seconds.");
            await Task.Delay(left, run.Time, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Ended by an operator, which is one of its two good ends.
        }
        finally
        {
            File.Delete(run.Machine.PathOf(Keys));
        }
        run.Console.Say("The rescue is over.");
        return StepEnd.Done;
    }

    /// <summary>Writes down when the rescue ends, by the machine's uptime. An agent that was started again goes on with what is left.</summary>
    private static async Task<TimeSpan> SetEndAsync(OrderRun run, CancellationToken cancel)
    {
        var now = double.Parse((run.Machine.Text("/proc/uptime") ?? "0").Split(' ')[0], CultureInfo.InvariantCulture);
        var ends = now + run.Order.Rescue!.Seconds;
        if (run.Machine.Text(Ends)?.Split(' ') is [var order, var set] && order == run.Order.OrderId && double.TryParse(set, CultureInfo.InvariantCulture, out var before))
            ends = before;
        await PutAsync(run, Ends, System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{run.Order.OrderId} {ends:0}\n")), cancel);
        return TimeSpan.FromSeconds(Math.Max(0, ends - now));
    }

    // Whole at once: whoever waits for the file reads it as soon as it is there.
    private static async Task PutAsync(OrderRun run, string path, byte[] content, CancellationToken cancel)
    {
        var file = run.Machine.PathOf(path);
        await File.WriteAllBytesAsync(file + ".new", content, cancel);
        File.Move(file + ".new", file, overwrite: true);
    }
}
