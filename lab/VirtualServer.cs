using System.Text.Json.Nodes;
using Baremetal.Api;

namespace Baremetal.Lab;

/// <summary>What the firmware shall try first at the next start, once.</summary>
public enum BootTarget
{
    None,
    Network,
    Disk,
}

/// <summary>
/// A server that QEMU plays: off until it is switched on, with disks and firmware variables that outlive its power. Its guest may
/// restart it (it stays on) and switch it off.
/// </summary>
/// <remarks>
/// A boot override starts QEMU anew, stopped, in the order asked for; by QMP the network interface then gets its usual bootindex back, and
/// the guest runs. QEMU writes the order for the firmware at a reset only, so this start has the one order and all later ones the
/// other. Moving the bootindex and then resetting a running QEMU works with OVMF but not with SeaBIOS, which restarts itself once
/// or more after every reset but the first, and so has lost the override before it looks at it (QEMU 7.2).
/// </remarks>
public sealed class VirtualServer : IAsyncDisposable
{
    /// <summary>In its folder: what its processors were at when a lab that is kept ended.</summary>
    public const string ProcessorLogName = "processors.log";

    private readonly SemaphoreSlim power = new(1);
    private readonly LanHost host;
    private readonly VirtualServerFiles files;
    private readonly string tap;
    private readonly Accelerator accelerator;
    private readonly List<ServedDisk> volatileDisks = [];
    private QemuProcess? qemu;

    internal VirtualServer(VirtualServerSpec spec, LanHost host, VirtualServerFiles files, string tap, Accelerator accelerator)
    {
        this.host = host;
        this.files = files;
        this.tap = tap;
        this.accelerator = accelerator;
        Spec = spec;
        files.Create(spec);
        foreach (var (index, disk) in spec.Disks.Index())
        {
            if (disk.CacheLossSeed is { } seed)
                volatileDisks.Add(new ServedDisk(new VolatileDisk(files.Disk(index), seed), files.DiskSocket(index)));
        }
        Serial = new Transcript($"The serial line of {spec.Name}", files.SerialLog, null);
        Events = new Transcript($"The machine {spec.Name}", files.EventLog, null);
    }

    public VirtualServerSpec Spec { get; }

    /// <summary>All that firmware and guest have written to the serial line, over all power-ons.</summary>
    public Transcript Serial { get; }

    /// <summary>What happened to the machine, one a line: <c>power-on</c>, <c>power-off</c>, and QEMU's own events such as <c>RESET</c>, <c>SHUTDOWN</c>.</summary>
    public Transcript Events { get; }

    /// <summary>What the next power-on or reset boots first; none again as soon as it was taken.</summary>
    public BootTarget NextBoot { get; set; }

    /// <summary>Asked of the process, so a guest that switched itself off, or a killed QEMU, is off.</summary>
    public PowerState PowerState => qemu is { HasExited: false } ? PowerState.On : PowerState.Off;

    /// <summary>The QEMU process; null while the server is off.</summary>
    public int? ProcessId => qemu is { HasExited: false } running ? running.Id : null;

    /// <summary>The raw file behind a disk. To be changed only while the server is off.</summary>
    public string DiskPath(int index = 0) => files.Disk(index);

    /// <summary>Switches it on; nothing happens to a server that is on.</summary>
    public Task PowerOnAsync(CancellationToken cancellationToken = default) => WithPowerAsync(async () =>
    {
        if (PowerState == PowerState.Off)
            await StartAsync(cancellationToken);
    }, cancellationToken);

    /// <summary>
    /// Off at once, as when the plug is pulled: QEMU is killed in the middle of whatever it does. What it had already handed to the
    /// host's kernel stays written, but for disks that lose their cache (<see cref="VirtualDisk"/>).
    /// </summary>
    public Task PowerOffAsync(CancellationToken cancellationToken = default) => WithPowerAsync(StopAsync, cancellationToken);

    /// <summary>Off, and on again; on if it was off.</summary>
    public Task PowerCycleAsync(CancellationToken cancellationToken = default) => WithPowerAsync(async () =>
    {
        await StopAsync();
        await StartAsync(cancellationToken);
    }, cancellationToken);

    /// <summary>The reset button. False when the server is off, for then the button does nothing.</summary>
    public async Task<bool> ResetAsync(CancellationToken cancellationToken = default)
    {
        var wasOn = false;
        await WithPowerAsync(async () =>
        {
            wasOn = PowerState == PowerState.On;
            if (!wasOn)
                return;
            if (NextBoot == BootTarget.None)
            {
                await qemu!.Monitor.ExecuteAsync("system_reset", null, cancellationToken);
                return;
            }
            await StopAsync();
            await StartAsync(cancellationToken);
        }, cancellationToken);
        return wasOn;
    }

    /// <summary>Waits until it is off, by its guest or by a lost QEMU; returns at once when it is.</summary>
    public async Task WaitForPowerOffAsync(TimeSpan bound, CancellationToken cancellationToken = default)
    {
        if (qemu is { } running)
            await running.WaitForExitAsync(bound, cancellationToken);
    }

    /// <summary>Types on the serial line; a newline is not added.</summary>
    public Task TypeAsync(string text, CancellationToken cancellationToken = default) =>
        qemu is { HasExited: false } running
            ? running.TypeAsync(text, cancellationToken)
            : throw new InvalidOperationException($"{Spec.Name} is off: there is nobody to type to. Switch it on first.");

    /// <summary>A break on the serial line and a letter: to Linux, SysRq and that letter (Documentation/admin-guide/sysrq.rst).</summary>
    public async Task SendBreakAsync(string letter, CancellationToken cancellationToken = default)
    {
        await qemu!.SendBreakAsync(cancellationToken);
        await TypeAsync(letter, cancellationToken);
    }

    /// <summary>Pulls its network cable; to the guest the link stays up, and nothing arrives.</summary>
    public Task UnplugAsync(CancellationToken cancellationToken = default) => host.IpAsync($"link set {tap} nomaster", cancellationToken);

    public Task PlugInAsync(CancellationToken cancellationToken = default) => host.IpAsync($"link set {tap} master br0", cancellationToken);

    /// <summary>Takes the link from its card, or gives it back: what the guest's driver sees of a pulled cable.</summary>
    public Task SetLinkAsync(bool up, CancellationToken cancellationToken = default) =>
        qemu is { HasExited: false } running
            ? running.Monitor.ExecuteAsync("set_link", new JsonObject { ["name"] = QemuCommand.Nic, ["up"] = up }, cancellationToken)
            : throw new InvalidOperationException($"{Spec.Name} is off: its card has no link to take. Switch it on first.");

    /// <summary>Lets at most so much through to the server; null takes the limit away.</summary>
    public Task LimitNetworkAsync(int? megabits, CancellationToken cancellationToken = default) => host.TrafficAsync(
        megabits is { } rate ? ["qdisc", "replace", "dev", tap, "root", "tbf", "rate", $"{rate}mbit", "burst", "64kb", "latency", "500ms"] : ["qdisc", "delete", "dev", tap, "root"],
        cancellationToken);

    /// <summary>Writes into its folder what its processors are at, several times, for whoever asks later why it said nothing; a QEMU that does not answer is left alone.</summary>
    public async Task NoteProcessorsAsync()
    {
        if (qemu is not { HasExited: false } running)
            return;
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            for (var look = 0; look < 3; look++)
            {
                foreach (var question in (string[])["info status", "info registers -a", "info pic"])
                {
                    var answer = await running.Monitor.ExecuteAsync("human-monitor-command", new JsonObject { ["command-line"] = question }, bounded.Token);
                    await File.AppendAllTextAsync(files.ProcessorLog, $"==== {question}\n{answer}\n", bounded.Token);
                }
                await Task.Delay(TimeSpan.FromMilliseconds(500), bounded.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException or IOException or InvalidOperationException)
        {
            await File.AppendAllTextAsync(files.ProcessorLog, $"==== no answer: {e.Message}\n", CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await WithPowerAsync(StopAsync, CancellationToken.None);
        volatileDisks.ForEach(disk => disk.Dispose());
        Serial.Dispose();
        Events.Dispose();
        power.Dispose();
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        await StopAsync();
        var networkFirst = NextBoot switch
        {
            BootTarget.Network => true,
            BootTarget.Disk => false,
            _ => Spec.NetworkFirst,
        };
        var command = QemuCommand.For(Spec, files, tap, accelerator, networkFirst);
        var started = await QemuProcess.StartAsync(host, Spec.Name, files, command, Serial, Note, cancellationToken);
        try
        {
            if (networkFirst != Spec.NetworkFirst)
                await started.SetNicBootIndexAsync(QemuCommand.NicBootIndex(Spec.NetworkFirst), cancellationToken);
            await started.Monitor.ExecuteAsync("cont", null, cancellationToken);
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
        qemu = started;
        NextBoot = BootTarget.None;
        Events.AppendLine(networkFirst ? "power-on, network first" : "power-on, disk first");
    }

    private async Task StopAsync()
    {
        if (qemu is not { } running)
            return;
        await running.DisposeAsync();
        qemu = null;
        Events.AppendLine("power-off");
        foreach (var disk in volatileDisks)
            Events.AppendLine($"cache-loss {disk.LosePower()}");
    }

    private void Note(QmpEvent happened) => Events.AppendLine($"{happened.Name} {happened.Data?.ToJsonString()}".TrimEnd());

    private async Task WithPowerAsync(Func<Task> action, CancellationToken cancellationToken)
    {
        await power.WaitAsync(cancellationToken);
        try
        {
            await action();
        }
        finally
        {
            power.Release();
        }
    }

    private sealed class ServedDisk(VolatileDisk disk, string socket) : IDisposable
    {
        private readonly NbdServer server = new(disk, socket);

        public CacheLoss LosePower()
        {
            server.WaitUntilIdle();
            return disk.LosePower();
        }

        public void Dispose()
        {
            server.Dispose();
            disk.Dispose();
        }
    }
}
