using System.CommandLine;
using Baremetal.Api;
using Baremetal.DeployAgent.Logs;

namespace Baremetal.DeployAgent;

/// <summary><c>deploy-agent run</c>: what the ramdisk starts, and starts again when it ends.</summary>
internal static class RunCommand
{
    private const int RestartAsked = 0;
    private const int CannotGoOn = 1;

    // 128 + SIGTERM, as shells have it.
    private const int Stopped = 143;

    public static Command Create()
    {
        var command = new Command("run", "What the ramdisk starts: enrols at the conductor that the kernel's command line names, and obeys its orders.");
        command.SetAction(async (_, cancel) =>
        {
            var machine = new Machine("/");
            using var console = new AgentConsole(Console.Out, new AgentLog(machine));
            var code = await RunAsync(machine, console, cancel);
            await console.DrainAsync(TimeProvider.System);
            return code;
        });
        return command;
    }

    private static async Task<int> RunAsync(Machine machine, AgentConsole console, CancellationToken cancel)
    {
        try
        {
            console.Say($"Baremetal deploy agent {Enrolment.Enrolled.Version}.");
            if (!BootArguments.TryParse(machine.Text("/proc/cmdline") ?? "", out var boot, out var rejection))
                throw new AgentException(rejection);
            await new AgentSession(boot, machine, console, TimeProvider.System, AgentSession.DefaultBeat).RunAsync(cancel);
            return RestartAsked;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            console.Say("Stopped by a signal.");
            return Stopped;
        }
        catch (Exception e) when (e is AgentException or ProblemException or IOException or UnauthorizedAccessException)
        {
            console.Say(e.Message);
            return CannotGoOn;
        }
    }
}
