using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>A VM's whole life in its container: image, disk, network, QEMU, its end.</summary>
internal sealed class Supervision(VmSettings settings, ContainerFolders folders)
{
    // A guest that was asked to shut down and does nothing is asked once more, since some miss it while they boot.
    private static readonly TimeSpan _askAgain = TimeSpan.FromSeconds(5);

    private const string Kvm = "/dev/kvm";

    private static readonly TimeSpan _toListen = TimeSpan.FromMinutes(1);

    /// <returns>The container's exit code.</returns>
    public async Task<int> RunAsync()
    {
        var disk = BaseDisk.Find(folders.Image);
        var overlay = Overlay.Make(folders.Volume, disk);
        var link = ContainerLink.Read(settings.AddressPrefix);
        var tap = GuestNetwork.HandOver(link);
        var doors = MakeSockets(overlay);
        Say($"The guest has {settings.MemoryMb} MiB, {settings.Processors} processor(s), the address {link.Address} and the MAC {link.Mac}; it runs by {settings.Accelerator}.");
        Say($"VNC server will listen on Unix socket {Path.Combine(doors, "vnc")}");

        using var over = new CancellationTokenSource();
        using var stopping = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, StopOn);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, StopOn);
        using var qemu = Start(overlay, link, tap, doors);
        var services = Task.CompletedTask;
        try
        {
            using var patience = new CancellationTokenSource(_toListen);
            using var gone = new CancellationTokenSource();
            var exit = qemu.WaitForExitAsync(CancellationToken.None);
            _ = exit.ContinueWith(_ => gone.Cancel(), TaskScheduler.Default);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, gone.Token);
            using var monitor = await QemuMonitor.OpenAsync(Path.Combine(folders.Sockets, "qmp"), either.Token);
            services = Task.WhenAll(
                settings.GivesAddress ? new GuestDhcp(link).ServeAsync(over.Token) : Task.CompletedTask,
                new GuestConsole(Path.Combine(folders.Sockets, "serial"), Path.Combine(folders.Volume, "console.log"), Path.Combine(doors, "console")).ServeAsync(over.Token));
            monitor.Send("cont");
            var telling = TellAsync(monitor);
            await Task.WhenAny(exit, Task.Delay(Timeout.Infinite, stopping.Token));
            if (!qemu.HasExited)
                await ShutDownAsync(qemu, monitor);
            await exit;
            await telling;
        }
        catch (OperationCanceledException)
        {
            // It ended, or did not begin to listen.
        }
        finally
        {
            if (!qemu.HasExited)
                qemu.Kill();
            await over.CancelAsync();
        }
        await services;
        if (qemu.ExitCode == 0)
            return ExitCodes.Done;
        Say(stopping.IsCancellationRequested ? "The guest did not shut down in time and was switched off." : $"QEMU ended by itself (exit code {qemu.ExitCode}); what it said stands above.");
        return stopping.IsCancellationRequested ? ExitCodes.Done : ExitCodes.NoMachine;

        void StopOn(PosixSignalContext signal)
        {
            // Our own end would be the guest's.
            signal.Cancel = true;
            stopping.Cancel();
        }
    }

    private string MakeSockets(string overlay)
    {
        Directory.CreateDirectory(folders.Sockets);
        var doors = folders.MakeDoors();
        Own(folders.Sockets, doors, overlay);
        foreach (var left in Directory.GetFiles(folders.Sockets).Append(Path.Combine(doors, "vnc")))
            File.Delete(left);
        return doors;
    }

    private Process Start(string overlay, ContainerLink link, int tap, string doors)
    {
        int[] groups = File.Exists(Kvm) ? [GroupOf(Kvm)] : [];
        var command = QemuCommand.Make(settings, overlay, link, tap, folders.Sockets, Path.Combine(doors, "vnc"), groups);
        return Process.Start(new ProcessStartInfo("setpriv", command) { UseShellExecute = false, RedirectStandardInput = true }) ?? throw new SupervisorException(ExitCodes.Fault, "setpriv did not start.");
    }

    private async Task ShutDownAsync(Process qemu, QemuMonitor monitor)
    {
        Say($"The guest is asked to shut down, and has {settings.StopWithin.TotalSeconds:0} s.");
        using var patience = new CancellationTokenSource(settings.StopWithin);
        try
        {
            while (!qemu.HasExited)
            {
                monitor.Send("system_powerdown");
                using var soon = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
                soon.CancelAfter(_askAgain);
                await Task.WhenAny(qemu.WaitForExitAsync(CancellationToken.None), Task.Delay(Timeout.Infinite, soon.Token));
                patience.Token.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException)
        {
            // What it has written is on its disk: QEMU flushes when it quits.
            monitor.Send("quit");
        }
    }

    private static async Task TellAsync(QemuMonitor monitor)
    {
        await foreach (var name in monitor.EventsAsync())
        {
            if (name is "RESET" or "SHUTDOWN" or "POWERDOWN" or "GUEST_PANICKED" or "BLOCK_IO_ERROR" || name.StartsWith("error", StringComparison.Ordinal))
                Say($"guest: {name.ToLowerInvariant().Replace('_', ' ')}");
        }
    }

    private static void Own(params string[] paths) => Tools.Run("chown", [$"{QemuCommand.User}:{QemuCommand.User}", .. paths]);

    private static int GroupOf(string device) => int.Parse(Tools.Run("stat", ["-c", "%g", device]), System.Globalization.CultureInfo.InvariantCulture);

    private static void Say(string what) => Console.WriteLine(what);
}
