using System.Net;
using System.Net.Sockets;

namespace Baremetal.Lab.Tests;

public sealed class LanTests
{
    private const int Port = 4321;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CreateSocket_Listening_IsReachedFromTheLanAndNotFromTheMachine()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        using var listener = lan.Conductor.CreateBoundListenSocket(new IPEndPoint(IPAddress.Any, Port));
        listener.Listen();

        using var near = lan.Conductor.CreateSocket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await near.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Port), Cancelled);
        using var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var refused = await Assert.ThrowsAsync<SocketException>(() => far.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Port), Cancelled).AsTask());

        Assert.True(near.Connected);
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
    }

    [Fact]
    public async Task AddHost_Joined_ReachesTheConductorsHost()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var host = await lan.AddHostAsync("dhcp", IPAddress.Parse("10.77.0.3"), Cancelled);
        using var listener = lan.Conductor.CreateBoundListenSocket(new IPEndPoint(Lan.ConductorAddress, Port));
        listener.Listen();

        using var socket = host.CreateSocket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(Lan.ConductorAddress, Port), Cancelled);
        using var accepted = await listener.AcceptAsync(Cancelled);

        Assert.Equal(host.Address, ((IPEndPoint)accepted.RemoteEndPoint!).Address);
    }

    [Fact]
    public async Task Create_TwoLans_DoNotSeeEachOther()
    {
        await using var one = await Lan.CreateAsync(Cancelled);
        await using var other = await Lan.CreateAsync(Cancelled);
        using var listener = one.Conductor.CreateBoundListenSocket(new IPEndPoint(Lan.ConductorAddress, Port));
        listener.Listen();

        using var socket = other.Conductor.CreateSocket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var refused = await Assert.ThrowsAsync<SocketException>(() => socket.ConnectAsync(new IPEndPoint(Lan.ConductorAddress, Port), Cancelled).AsTask());

        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
    }

    [Fact]
    public async Task Create_LinkLocalAddress_IsUsableAtOnce()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);

        var addresses = await Tool.RunAsync("ip", ["-n", lan.Conductor.Namespace, "-6", "addr", "show", "dev", "br0"], null, Cancelled);

        Assert.Contains("fe80::", addresses, StringComparison.Ordinal);
        Assert.DoesNotContain("tentative", addresses, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddServer_SameMac_IsRefusedNamingTheOther()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var spec = VirtualServerSpec.Numbered(1, Api.FirmwareMode.Bios);
        await lan.AddServerAsync(spec, Cancelled);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => lan.AddServerAsync(spec with { Name = "other", Uuid = Guid.NewGuid() }, Cancelled));

        Assert.Contains("node-1", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispose_WithHostsServersAndAStrayProcess_LeavesNothing()
    {
        var lan = await Lan.CreateAsync(Cancelled);
        var names = new List<string> { lan.Conductor.Namespace };
        LabProcess shell;
        int stray;
        await using (lan)
        {
            names.Add((await lan.AddHostAsync("dhcp", IPAddress.Parse("10.77.0.3"), Cancelled)).Namespace);
            await lan.AddServerAsync(VirtualServerSpec.Numbered(1, Api.FirmwareMode.Uefi), Cancelled);
            // A shell that leaves a child behind, whose pid nobody was told but its log.
            shell = lan.Conductor.Start("shell", ["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo child $!"]);
            stray = int.Parse((await shell.Output.WaitForLineAsync("child", TimeSpan.FromSeconds(30), cancellationToken: Cancelled)).Split(' ')[1]);
            Assert.True(IsRunning(stray));
        }

        Assert.All(names, name => Assert.False(File.Exists($"/run/netns/{name}"), name));
        Assert.False(IsRunning(stray));
        Assert.False(Directory.Exists(lan.Folder));
    }

    [Fact]
    public async Task Dispose_KeepFolder_KeepsItThroughASweep()
    {
        var lan = await Lan.CreateAsync(Cancelled);
        await using (lan)
            lan.KeepFolder = true;
        try
        {
            // As the folder of a process that is gone.
            var dead = Path.Combine(Path.GetTempPath(), $"baremetal-lab-{await LeftoversTests.DeadPidAsync(Cancelled)}-1");
            Directory.Move(lan.Folder, dead);

            await Leftovers.SweepAsync();
            Assert.True(Directory.Exists(dead));

            Assert.Contains($"folder {dead}", await Leftovers.SweepAsync(alsoKept: true));
            Assert.False(Directory.Exists(dead));
        }
        finally
        {
            Leftovers.RemoveFolder(lan.Folder);
        }
    }

    [Fact]
    public async Task Dispose_KeepFolder_TellsWhatTheProcessorsWereAt()
    {
        var lan = await Lan.CreateAsync(Cancelled);
        try
        {
            await using (lan)
            {
                lan.KeepFolder = true;
                await (await lan.AddServerAsync(VirtualServerSpec.Numbered(1, Api.FirmwareMode.Bios), Cancelled)).PowerOnAsync(Cancelled);
            }
            var told = await File.ReadAllTextAsync(Path.Combine(lan.Folder, "node-1", "processors.log"), Cancelled);
            Assert.Contains("VM status: running", told, StringComparison.Ordinal);
            Assert.Contains("EIP=", told, StringComparison.Ordinal);
        }
        finally
        {
            Leftovers.RemoveFolder(lan.Folder);
        }
    }

    [Fact]
    public async Task Create_Cancelled_LeavesNothing()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Lan.CreateAsync(cancel.Token));

        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(Path.GetTempPath()), path => Path.GetFileName(path).StartsWith($"baremetal-lab-{Environment.ProcessId}-", StringComparison.Ordinal));
        Assert.DoesNotContain(NamespacesOf(Environment.ProcessId), _ => true);
    }

    internal static bool IsRunning(int pid) =>
        // A killed process that its new parent has not reaped yet is no longer running.
        File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);

    internal static IEnumerable<string> NamespacesOf(int pid) =>
        Directory.Exists("/run/netns") ? Directory.EnumerateFiles("/run/netns", $"bm{pid}-*") : [];
}
