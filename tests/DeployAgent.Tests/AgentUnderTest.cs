using Baremetal.DeployAgent.Logs;
using Baremetal.Imaging.Targets;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>The agent on a virtual machine that was recorded: its disk <c>vda</c> is a file, and a restart is counted.</summary>
internal sealed class AgentUnderTest : IAsyncDisposable
{
    public const long DiskBytes = 64 << 20;

    public const string KernelSaid = "<3>[    9.000000] vda: I/O error";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(0.05);

    private readonly StringWriter _output = new();
    private readonly AgentConsole _console;
    private readonly TimeProvider _drainClock;
    private readonly CancellationTokenSource _stop = new();
    private readonly MachineTree _tree;
    private int _restarts;
    private int _kernelStarts;
    private int _opened;

    private AgentUnderTest(MachineTree tree, BootArguments boot, TimeProvider time, Action? beforeDisk, TextWriter? output, Func<string, (IBlockTarget?, Rejection?)?>? openDisk, Func<IOException?>? loadKernel)
    {
        _tree = tree;
        _console = new AgentConsole(output ?? TextWriter.Synchronized(_output), new AgentLog(new Machine(tree.Root)));
        // One that stands still waits for all that was said; a console of the test's own may never show it.
        _drainClock = output is null ? new ManualClock() : TimeProvider.System;
        var machine = new Machine(tree.Root)
        {
            AddressesOf = _ => [],
            OpenDisk = name =>
            {
                Interlocked.Increment(ref _opened);
                beforeDisk?.Invoke();
                return openDisk?.Invoke(name) ?? FileTarget.Open(DiskPath(tree, name), DiskBytes);
            },
            KernelLog = () => $"<5>[    0.000000] Command line: bm.token={TestConductor.Token} quiet\n{KernelSaid}\n",
            LoadKernel = (kernel, ramdisk, arguments) => Loaded = loadKernel?.Invoke() is { } refusal ? throw refusal : (File.ReadAllBytes(kernel), File.ReadAllBytes(ramdisk), arguments),
            StartKernel = () => Interlocked.Increment(ref _kernelStarts),
            Restart = () => Interlocked.Increment(ref _restarts),
        };
        Ended = Task.Run(() => new AgentSession(boot, machine, _console, time, Beat).RunAsync(_stop.Token));
    }

    /// <summary>What the order of a conductor calls this machine's disk.</summary>
    public static TargetDisk Disk { get; } = new(DiskBytes, 512, ByPath: "virtio-pci-0000:00:04.0");

    public Task Ended { get; }

    public int Restarts => Volatile.Read(ref _restarts);

    public int KernelStarts => Volatile.Read(ref _kernelStarts);

    /// <summary>What was readied for the restart.</summary>
    public (byte[] Kernel, byte[] Ramdisk, string Arguments)? Loaded { get; private set; }

    public int DiskOpened => Volatile.Read(ref _opened);

    public string Output
    {
        get
        {
            _console.DrainAsync(_drainClock).GetAwaiter().GetResult();
            return _output.ToString();
        }
    }

    /// <param name="tree">The machine.</param>
    /// <param name="boot">What the boot script says.</param>
    /// <param name="time">Its clock.</param>
    /// <param name="beforeDisk">Done before the disk is opened; may throw, as a driver would.</param>
    /// <param name="output">Its console, if it is another than <see cref="Output"/>.</param>
    /// <param name="loadKernel">Why a kernel for the restart is refused.</param>
    /// <param name="openDisk">Opens a disk in place of the file that stands for it, or refuses it; null for those that it leaves alone.</param>
    public static AgentUnderTest Start(MachineTree tree, BootArguments boot, TimeProvider? time = null, Action? beforeDisk = null, TextWriter? output = null, Func<string, (IBlockTarget?, Rejection?)?>? openDisk = null, Func<IOException?>? loadKernel = null)
    {
        tree.Write("/sys/block/vda/size", $"{DiskBytes / 512}\n");
        return new AgentUnderTest(tree, boot, time ?? TimeProvider.System, beforeDisk, output, openDisk, loadKernel);
    }

    public static string DiskPath(MachineTree tree, string name = "vda") => Path.Join(tree.Root, $"{name}.disk");

    /// <summary>Another disk beside the recorded one, of its size, called <c>vdX</c>.</summary>
    public static TargetDisk AddDisk(MachineTree tree, string name)
    {
        tree.Write($"/sys/block/{name}/size", $"{DiskBytes / 512}\n");
        tree.Write($"/sys/block/{name}/queue/logical_block_size", "512\n");
        tree.Write($"/sys/block/{name}/serial", $"serial-{name}\n");
        return new TargetDisk(DiskBytes, 512, Serial: $"serial-{name}");
    }

    /// <summary>Waits until something has happened; an agent that ends meanwhile, or takes too long, fails the test with what it said.</summary>
    public async Task UntilAsync(string what, Func<bool> happened)
    {
        using var bound = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(Beat);
        while (!happened())
        {
            if (Ended.IsCompleted)
                await Ended;
            Assert.False(Ended.IsCompleted, $"The agent ended before {what}. It said:\n{Output}");
            Assert.False(bound.IsCancellationRequested, $"Waited {Patience} for {what}. The agent said:\n{Output}");
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until the agent ends by itself.</summary>
    public async Task EndAsync()
    {
        try
        {
            await Ended.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"Waited {Patience} for the agent to end. It said:\n{Output}");
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Ended.WaitAsync(Patience));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Ended.ContinueWith(static _ => { }, TaskScheduler.Default);
        _console.Dispose();
        _stop.Dispose();
    }
}
