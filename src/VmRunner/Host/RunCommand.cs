using System.CommandLine;

namespace Baremetal.VmRunner.Host;

/// <summary><c>vm-runner run</c>: the service. It ends with a signal, and its VMs live on.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var options = new HostOptions();
        var command = new Command("run", "The service of a runner: keeps its VMs as the conductor orders them.");
        options.AddTo(command);
        command.SetAction((parse, cancel) => HostShell.RunAsync(() => RunAsync(options.Read(parse), cancel)));
        return command;
    }

    private static async Task<int> RunAsync(HostSettings settings, CancellationToken cancel)
    {
        var (log, time) = (new HostLog(Console.Out), TimeProvider.System);
        var identity = new RunnerIdentityFile(settings.State);
        identity.Certificate(identity.Load()).Dispose();
        using var one = OnlyOne(settings.State);
        log.Say($"Baremetal VM runner {Joining.Version}, state in {settings.State.Root}.");

        var engine = new Engine(settings.Engine);
        var baseImage = new BaseImage(engine, settings.Base);
        var bootId = (await File.ReadAllTextAsync("/proc/sys/kernel/random/boot_id", cancel)).Trim();
        using var reconciler = new Reconciler(settings, identity, engine, baseImage, log, time, bootId);
        var standing = new Standing(settings, engine, baseImage, reconciler, log, time);
        await standing.LookAsync(cancel);
        ServiceNotice.Say(ServiceNotice.Ready);

        using var session = new Session(identity, reconciler, standing, new StreamDoor(engine, settings.State, reconciler.ContainerOf, log), log, time);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task[] parts = [reconciler.RunAsync(over.Token), session.RunAsync(over.Token), standing.RunAsync(over.Token)];
        await Task.WhenAny(parts);
        ServiceNotice.Say(ServiceNotice.Stopping);
        await over.CancelAsync();
        try
        {
            await Task.WhenAll(parts);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            log.Say("Stopped by a signal; the VMs run on.");
        }
        return HostExitCodes.Done;
    }

    // Two would undo each other's work.
    private static FileStream OnlyOne(StateFolder state)
    {
        var path = Path.Combine(state.Root, ".lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw HostFailure.Refused($"Another vm-runner works on {state.Root} already: {e.Message}", "See 'systemctl status baremetal-vm-runner'.");
        }
    }
}
