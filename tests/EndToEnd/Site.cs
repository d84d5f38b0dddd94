using System.Text.Json;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>A test on a site of its own, which is gone with it; a test that fails keeps the logs and says where they are.</summary>
[Trait("Needs", "VirtualServers")]
public abstract class SiteTests : IAsyncDisposable
{
    private Site? _site;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_site is null)
            return;
        var failed = TestContext.Current.TestState?.Result == TestResult.Failed;
        _site.Lan.KeepFolder |= failed;
        await _site.DisposeAsync();
        if (failed)
            LastWords.Tell(_site.Lan);
    }

    private protected async Task<Site> OpenAsync(string? imageFile = null, LabConductorSettings? conductor = null, LabPower power = LabPower.Redfish, BootFiles? boot = null) =>
        _site = await Site.OpenAsync(imageFile ?? BuildOutputs.TinyImage, boot, conductor, power);
}

/// <summary>A lab's site, as tests speak to it.</summary>
internal sealed class Site : IAsyncDisposable
{
    /// <summary>
    /// A netboot and a deploy take a minute under emulation. Where twenty processes want each of two processors, OVMF alone was seen to need four from a restart
    /// to the boot loader.
    /// </summary>
    private static readonly TimeSpan JobBound = TimeSpan.FromMinutes(20);

    private static readonly TimeSpan SystemBound = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan BetweenQuestions = TimeSpan.FromSeconds(2);

    private readonly LabSite _lab;

    private Site(LabSite lab) => _lab = lab;

    public Lan Lan => _lab.Lan;

    public LabConductor Conductor => _lab.Conductor;

    public SignedImage Image => _lab.Image;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The tiny image boots in seconds and says so on the serial line; Debian is for what only a real system shows.</summary>
    public static async Task<Site> OpenAsync(string imageFile, BootFiles? boot, LabConductorSettings? conductor, LabPower power)
    {
        var lan = await Lan.CreateAsync(Cancel);
        try
        {
            var settings = new LabSiteSettings { ImageFile = imageFile, ImageName = Path.GetFileNameWithoutExtension(imageFile), Boot = boot, Conductor = conductor ?? new LabConductorSettings(), Power = power };
            return new Site(await LabSite.OpenAsync(lan, settings, Cancel));
        }
        catch
        {
            lan.KeepFolder = true;
            await lan.DisposeAsync();
            throw;
        }
    }

    /// <summary>A virtual server, enrolled.</summary>
    public async Task<VirtualServer> AddServerAsync(FirmwareMode firmware, Func<VirtualServerSpec, VirtualServerSpec>? vary = null)
    {
        var server = await PlugInServerAsync(firmware, vary);
        await Conductor.RunAsync(await _lab.EnrolCommandAsync(server, Cancel), Cancel);
        return server;
    }

    /// <summary>A virtual server that nobody has told the conductor of, switched on by hand.</summary>
    public async Task<VirtualServer> AddUnknownServerAsync(FirmwareMode firmware)
    {
        var server = await PlugInServerAsync(firmware, vary: null);
        await server.PowerOnAsync(Cancel);
        return server;
    }

    /// <summary>Inspected and approved: its agent waits for an order.</summary>
    public async Task<VirtualServer> AddAvailableServerAsync(FirmwareMode firmware, Func<VirtualServerSpec, VirtualServerSpec>? vary = null)
    {
        var server = await AddServerAsync(firmware, vary);
        await MakeAvailableAsync(server);
        return server;
    }

    /// <summary>Inspects and approves an enrolled server.</summary>
    public async Task MakeAvailableAsync(VirtualServer server)
    {
        var inspected = await EndOf(await StartAsync("node", "inspect", server.Spec.Name));
        Assert.True(inspected.Outcome == JobOutcome.Done, Explain(inspected));
        await Conductor.RunAsync(["node", "approve", server.Spec.Name], Cancel);
    }

    public Task<Job> DeployAsync(VirtualServer server, params string[] more) =>
        StartAsync(["deploy", server.Spec.Name, "--image", Image.Name, "--hostname", server.Spec.Name, .. more]);

    /// <summary>Begins a rescue, and waits until its SSH server runs.</summary>
    public async Task<Job> RescueAsync(VirtualServer server, SshKey key)
    {
        var job = await StartAsync("node", "rescue", server.Spec.Name, "--ssh-key", key.PublicFile, "--for", "1h");
        await UntilAsync(job, told => told.Text?.StartsWith("rescue: ssh root@", StringComparison.Ordinal) == true, "the rescue's SSH server");
        return job;
    }

    public Task<Job> StartAsync(params string[] command) => Conductor.QueryAsync(command, ApiJson.Default.Job, Cancel);

    public Task<Job> JobAsync(string id) => Conductor.QueryAsync(["job", "show", id], ApiJson.Default.Job, Cancel);

    public Task<Node> NodeAsync(VirtualServer server) => Conductor.NodeAsync(server.Spec.Name, Cancel);

    /// <summary>Waits until the conductor has a node with this server's MAC address, of which something is true.</summary>
    public async Task<Node> UntilNodeAsync(VirtualServer server, Func<Node, bool> isIt, string what)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bounded.CancelAfter(JobBound);
        try
        {
            while (true)
            {
                var nodes = await Conductor.QueryAsync(["node", "list"], ApiJson.Default.PageNode, bounded.Token);
                if (Array.Find(nodes.Items, node => node.Mac == server.Spec.Mac && isIt(node)) is { } found)
                    return found;
                await Task.Delay(BetweenQuestions, bounded.Token);
            }
        }
        catch (OperationCanceledException late) when (!Cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"Waited {JobBound.TotalMinutes:0} minutes for {what}. Logs: {Lan.Folder}", late);
        }
    }

    /// <summary>Waits until the job has ended, however.</summary>
    public async Task<Job> EndOf(Job job)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        bounded.CancelAfter(JobBound);
        try
        {
            // Told by events, not asked again and again: each question is a program that takes the virtual servers' processors.
            await Conductor.TryRunAsync(["job", "watch", job.Id, "--output", "json"], _ => { }, bounded.Token);
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            // Told below.
        }
        var now = await JobAsync(job.Id);
        Assert.True(now.Outcome is not null, $"Waited {JobBound.TotalMinutes:0} minutes for the job to end, but {Explain(now)}");
        return now;
    }

    /// <summary>Waits until this many of the disk's bytes are written, as the agent tells it while it writes.</summary>
    public Task UntilWrittenAsync(Job job, long bytes) => UntilAsync(job, told => told.Progress?.DoneBytes >= bytes, $"{bytes} written bytes");

    /// <summary>Waits for something that the job's followers are told.</summary>
    public async Task UntilAsync(Job job, Func<Event, bool> isIt, string what)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        enough.CancelAfter(JobBound);
        try
        {
            var watched = await Conductor.TryRunAsync(["job", "watch", job.Id, "--output", "json"], Look, enough.Token);
            Assert.True(reached.Task.IsCompleted, $"The job ended before {what}: {watched.Output}");
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            Assert.True(reached.Task.IsCompleted, $"Waited {JobBound.TotalMinutes:0} minutes for {what}. {Explain(await JobAsync(job.Id))}");
        }

        void Look(string line)
        {
            if (line.StartsWith('{') && JsonSerializer.Deserialize(line, ApiJson.Default.Event) is { } told && isIt(told))
            {
                reached.TrySetResult();
                enough.Cancel();
            }
        }
    }

    /// <summary>The files of the conductor's blob store: the image file and its two indexes.</summary>
    public IEnumerable<FileInfo> Blobs() => new DirectoryInfo(Path.Combine(Conductor.StateDirectory, "blobs", "sha256")).EnumerateFiles("*", SearchOption.AllDirectories);

    /// <summary>Changes one bit of a file.</summary>
    public static void Flip(FileInfo file, long offset)
    {
        using var stream = file.Open(FileMode.Open, FileAccess.ReadWrite);
        stream.Position = offset;
        var value = stream.ReadByte();
        stream.Position = offset;
        stream.WriteByte((byte)(value ^ 0x10));
    }

    public static byte[] FirstBytes(VirtualServer server, int count) => Bytes(server.DiskPath(), 0, count);

    public static byte[] Bytes(string path, long offset, int count)
    {
        using var disk = File.OpenRead(path);
        disk.Position = offset;
        var bytes = new byte[count];
        disk.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>The job ends well, and the installed system boots and has what it was to be told.</summary>
    public async Task<Job> AssertFinishesAsync(VirtualServer server, Job job)
    {
        var since = server.Serial.Mark;
        var finished = await EndOf(job);
        Assert.True(finished.Outcome == JobOutcome.Done, Explain(finished));
        Assert.Equal(NodeState.Active, (await NodeAsync(server)).State);
        var ready = await server.Serial.WaitForLineAsync("TINY-READY", SystemBound, since, Cancel);
        Assert.Contains($"host={server.Spec.Name}", ready, StringComparison.Ordinal);
        Assert.Contains("seed=configdrive", ready, StringComparison.Ordinal);
        return finished;
    }

    public string Explain(Job job) =>
        $"job {job.Id} is at step {job.Step}, attempt {job.Attempt}, outcome {job.Outcome?.ToString() ?? "none"}, waits for {job.WaitingFor ?? "nothing"}; cause: {job.Cause ?? "none"}. Logs: {Lan.Folder}";

    private async Task<VirtualServer> PlugInServerAsync(FirmwareMode firmware, Func<VirtualServerSpec, VirtualServerSpec>? vary)
    {
        var spec = VirtualServerSpec.Numbered(Lan.Servers.Count + 1, firmware);
        return await Lan.AddServerAsync(vary?.Invoke(spec) ?? spec, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _lab.DisposeAsync();
        await Lan.DisposeAsync();
    }
}
