using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Baremetal.Metadata;
using Baremetal.VmRunner.Supervisor.Metadata;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>A VM's whole life in its container: image, disk, network, QEMU, its end.</summary>
internal sealed class Supervision(VmSettings settings, ContainerFolders folders)
{
    // A guest that was asked to shut down and does nothing is asked once more, since some miss it while they boot.
    private static readonly TimeSpan _askAgain = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan _toListen = TimeSpan.FromMinutes(1);

    // A guest that is not there within this is gone: its own kernel answers in milliseconds.
    private static readonly TimeSpan _toAsk = TimeSpan.FromSeconds(10);

    private const string Kvm = "/dev/kvm";
    private const int MetadataPort = 80;

    private const int FirstSignalCode = 128; // how .NET, as shells do, tells a program that was killed by a signal

    /// <returns>The container's exit code.</returns>
    public async Task<int> RunAsync()
    {
        using var stopping = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, StopOn);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, StopOn);

        var disk = BaseDisk.Find(folders.Image, DiskInspection.ByChild);
        var discs = Discs(disk);
        var overlay = Overlay.Make(folders.Volume, disk, settings.DiskGb);
        var link = ContainerLink.Read(settings.AddressPrefix);
        var metadata = GuestMetadata.Read(folders.Metadata, settings, link, ContainerFolders.Id);
        var tap = GuestNetwork.HandOver(link);
        using var door = ListenForMetadata();
        ContainerFolders.KeepOthersOut();
        var doors = folders.MakeDoors();
        QemuCommand.Own(overlay);
        int[] groups = File.Exists(Kvm) ? [GroupOf(Kvm)] : [];
        var parts = new GuestParts(overlay, await MakeConfigDriveAsync(metadata), discs, tap, folders.Sockets, Path.Combine(doors, "vnc"), groups);
        Say($"The guest has {settings.MemoryMb} MiB, {settings.Processors} processor(s), the address {link.Address} and the MAC {link.Mac}; it runs by {settings.Accelerator}.");
        Say($"VNC server will listen on Unix socket {parts.Display}");

        using var qemu = Start(parts, link);
        using var over = new CancellationTokenSource();
        using var monitor = await OpenMonitorAsync(qemu);
        if (monitor is null)
            return HowItEnded(qemu);
        var failure = new TaskCompletionSource<Exception>();
        var services = Task.WhenAll(
            Guard(settings.GivesAddress ? new GuestDhcp(link).ServeAsync(over.Token) : Task.CompletedTask),
            Guard(new MetadataServer(new MetadataTree(metadata, link), _toAsk).ServeAsync(door, over.Token)),
            Guard(new GuestConsole(Path.Combine(folders.Sockets, "serial"), Path.Combine(folders.Volume, "console.log"), Path.Combine(doors, "console")).ServeAsync()));
        monitor.Send("cont");
        var telling = TellAsync(monitor);

        var exit = qemu.WaitForExitAsync(CancellationToken.None);
        await Task.WhenAny(exit, failure.Task, Task.Delay(Timeout.Infinite, stopping.Token));
        if (failure.Task.IsCompleted)
            Say($"What the container does for its guest has failed, and it cannot go on: {(await failure.Task).Message}");
        var wasSwitchedOff = !qemu.HasExited && !await HasShutDownAsync(qemu, monitor);
        await exit;
        await telling;
        await over.CancelAsync();
        await services;
        if (failure.Task.IsCompleted)
            return ExitCodes.Fault;
        if (!wasSwitchedOff)
            return HowItEnded(qemu);
        Say($"The guest did not shut down within {settings.StopWithin.TotalSeconds:0} s and was switched off; what it had not written to its disk is lost.");
        return ExitCodes.SwitchedOff;

        void StopOn(PosixSignalContext signal)
        {
            // Our own end would be the guest's.
            signal.Cancel = true;
            stopping.Cancel();
        }

        async Task Guard(Task service)
        {
            try
            {
                await service;
            }
            catch (Exception e)
            {
                failure.TrySetResult(e);
            }
        }
    }

    // An image that is an ISO itself brings what is booted.
    private string[] Discs(BaseDisk disk)
    {
        var (boot, drivers) = (Path.Combine(folders.Discs, "boot.iso"), Path.Combine(folders.Discs, "drivers.iso"));
        if (disk.Format == DiskInspection.Iso && File.Exists(boot))
            throw new SupervisorException(ExitCodes.NoDisk, $"The image's disk is an ISO and there is {boot}, too; one of them can be booted.");
        string[] all = [disk.Format == DiskInspection.Iso ? disk.Path : boot, drivers];
        return Array.FindAll(all, File.Exists);
    }

    private async Task<string?> MakeConfigDriveAsync(GuestMetadata metadata)
    {
        const int Sector = 512; // of every disk that QEMU plays here
        if (!(settings.HasConfigDrive ?? Directory.Exists(folders.Metadata)))
            return null;
        var path = Path.Combine(folders.Sockets, "config-drive.img");
        try
        {
            await VfatDrive.BuildAsync(path, metadata.DriveFiles(), Sector, CancellationToken.None);
            QemuCommand.Own(path);
            return path;
        }
        catch (Exception e) when (e is ConfigDriveException or IOException)
        {
            throw new SupervisorException(ExitCodes.Fault, $"{e.Message} It is made in /run and /tmp, which must be writable; VM_CONFIG_DRIVE=no does without it.", e);
        }
    }

    private static Socket ListenForMetadata()
    {
        var door = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            door.Bind(new IPEndPoint(IPAddress.Parse(GuestNetwork.Here.ToString()), MetadataPort));
            door.Listen(MetadataServer.MostConnections);
            return door;
        }
        catch (SocketException e)
        {
            door.Dispose();
            throw new SupervisorException(ExitCodes.NoNetwork, $"TCP port {MetadataPort} of {GuestNetwork.Here} cannot be opened for the guest's metadata: {e.Message}. Give the container the capability NET_BIND_SERVICE.", e);
        }
    }

    private Process Start(GuestParts parts, ContainerLink link)
    {
        var start = new ProcessStartInfo("setpriv", QemuCommand.Make(settings, parts, link)) { UseShellExecute = false, RedirectStandardInput = true };
        return Process.Start(start) ?? throw new SupervisorException(ExitCodes.Fault, "setpriv did not start.");
    }

    // Null: QEMU has ended before it listened.
    private async Task<QemuMonitor?> OpenMonitorAsync(Process qemu)
    {
        using var patience = new CancellationTokenSource(_toListen);
        var opening = QemuMonitor.OpenAsync(Path.Combine(folders.Sockets, "qmp"), patience.Token);
        await Task.WhenAny(opening, qemu.WaitForExitAsync(patience.Token));
        if (opening.IsCompletedSuccessfully)
            return await opening;
        await patience.CancelAsync();
        // One that does not listen ends with us, its first process.
        return qemu.HasExited ? null : throw new SupervisorException(ExitCodes.NoMachine, $"QEMU did not begin to listen within {_toListen.TotalSeconds:0} s.");
    }

    private async Task<bool> HasShutDownAsync(Process qemu, QemuMonitor monitor)
    {
        Say($"The guest is asked to shut down, and has {settings.StopWithin.TotalSeconds:0} s.");
        using var patience = new CancellationTokenSource(settings.StopWithin);
        while (!qemu.HasExited && !patience.IsCancellationRequested)
        {
            monitor.Send("system_powerdown");
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
            soon.CancelAfter(_askAgain);
            await Task.WhenAny(qemu.WaitForExitAsync(CancellationToken.None), Task.Delay(Timeout.Infinite, soon.Token));
        }
        if (qemu.HasExited)
            return true;
        // What it has written is on its disk: QEMU flushes when it quits.
        monitor.Send("quit");
        return false;
    }

    private static int HowItEnded(Process qemu)
    {
        if (qemu.ExitCode == 0)
            return ExitCodes.Done;
        if (qemu.ExitCode <= FirstSignalCode)
            Say($"QEMU ended by itself (exit code {qemu.ExitCode}); what it said stands above.");
        else if (GuestMemory.HasRunOut())
            Say($"QEMU was killed and the guest's power was cut, since the container's memory limit was reached: it must be MEMORY_MB and {GuestMemory.OverheadMiB} MiB more.");
        else
            Say($"QEMU was killed (signal {qemu.ExitCode - FirstSignalCode}), and the guest's power was cut. What the guest had flushed is on its disk; start the container again.");
        return ExitCodes.NoMachine;
    }

    private static async Task TellAsync(QemuMonitor monitor)
    {
        await foreach (var name in monitor.EventsAsync())
        {
            if (name is "RESET" or "SHUTDOWN" or "POWERDOWN" or "GUEST_PANICKED" or "BLOCK_IO_ERROR" || name.StartsWith("error", StringComparison.Ordinal))
                Say($"guest: {name.ToLowerInvariant().Replace('_', ' ')}");
        }
    }

    private static int GroupOf(string device) => int.Parse(Tools.Run("stat", ["-c", "%g", device]), System.Globalization.CultureInfo.InvariantCulture);

    private static void Say(string what) => Console.WriteLine(what);
}
