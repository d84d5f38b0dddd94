using Baremetal.Api;
using Baremetal.Lab.Bmc;

namespace Baremetal.Lab.Tests;

/// <summary>Real firmware under emulation, driven through the Redfish service.</summary>
[Trait(Traits.Needs, Traits.VirtualServers)]
public sealed class PowerTests : IAsyncLifetime
{
    // On a quiet machine a few seconds; nothing here measures time, so the bound only ends what hangs.
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(3);

    private Lan lan = null!;
    private RedfishService service = null!;
    private RedfishClient client = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        lan = await Lan.CreateAsync(Cancelled);
        service = await RedfishService.StartAsync(lan, RedfishClient.User, RedfishClient.Password, Cancelled);
        client = new RedfishClient(lan, service);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await service.DisposeAsync();
        await lan.DisposeAsync();
    }

    [Theory]
    [InlineData(FirmwareMode.Bios)]
    [InlineData(FirmwareMode.Uefi)]
    public async Task On_EmptyDisk_AsksTheNetworkAsItself(FirmwareMode firmware)
    {
        var server = await AddServerAsync(firmware);
        await using var dhcp = new DhcpListener(lan);

        var heard = dhcp.NextAsync(Bound, Cancelled);
        await client.ResetAsync(server, "On", Cancelled);

        Assert.Equal(new PxeDiscover(server.Spec.Mac, firmware, server.Spec.Uuid), await heard);
        Assert.Equal("On", await client.PowerStateAsync(server, Cancelled));
    }

    [Theory]
    [InlineData(FirmwareMode.Bios)]
    [InlineData(FirmwareMode.Uefi)]
    public async Task BootOverride_PowerOnAndRestart_IsTakenOnce(FirmwareMode firmware)
    {
        var server = await AddServerAsync(firmware);
        await BootableDisk.WriteAsync(server, powerOff: false, Cancelled);
        await using var dhcp = new DhcpListener(lan);

        await client.BootOnceAsync(server, "Pxe", Cancelled);
        var heard = dhcp.NextAsync(Bound, Cancelled);
        await client.ResetAsync(server, "On", Cancelled);
        await heard;
        Assert.Equal(BootTarget.None, server.NextBoot);

        // Without an override the disk comes first: after a reset from outside, and after the guest's own.
        await client.ResetAsync(server, "ForceRestart", Cancelled);
        await server.Serial.WaitForLineAsync(BootableDisk.Mark, Bound, cancellationToken: Cancelled);
        await server.Serial.WaitForLineAsync(BootableDisk.Mark, Bound, since: server.Serial.Mark, Cancelled);

        await client.BootOnceAsync(server, "Pxe", Cancelled);
        heard = dhcp.NextAsync(Bound, Cancelled);
        await client.ResetAsync(server, "ForceRestart", Cancelled);
        await heard;
        Assert.Equal(BootTarget.None, server.NextBoot);
    }

    [Fact]
    public async Task BootOverride_DiskOnANetworkFirstServer_BootsTheDisk()
    {
        var server = await lan.AddServerAsync(VirtualServerSpec.Numbered(1, FirmwareMode.Bios) with { NetworkFirst = true }, Cancelled);
        await BootableDisk.WriteAsync(server, powerOff: false, Cancelled);
        await using var dhcp = new DhcpListener(lan);

        await client.BootOnceAsync(server, "Hdd", Cancelled);
        var heard = dhcp.NextAsync(Bound, Cancelled);
        await client.ResetAsync(server, "On", Cancelled);
        await server.Serial.WaitForLineAsync(BootableDisk.Mark, Bound, cancellationToken: Cancelled);

        // The disk has the machine restarted: the network's turn.
        Assert.Equal(server.Spec.Mac, (await heard).Mac);
    }

    [Theory]
    [InlineData(FirmwareMode.Bios)]
    [InlineData(FirmwareMode.Uefi)]
    public async Task PowerState_GuestSwitchesItselfOff_IsOff(FirmwareMode firmware)
    {
        var server = await AddServerAsync(firmware);
        await BootableDisk.WriteAsync(server, powerOff: true, Cancelled);

        await client.ResetAsync(server, "On", Cancelled);
        Assert.Equal("On", await client.PowerStateAsync(server, Cancelled));
        await server.WaitForPowerOffAsync(Bound, Cancelled);

        Assert.Contains(BootableDisk.Mark, server.Serial.Tail(100));
        Assert.Equal("Off", await client.PowerStateAsync(server, Cancelled));
    }

    [Fact]
    public async Task PowerState_QemuKilled_IsOffAndComesBack()
    {
        var server = await AddServerAsync(FirmwareMode.Bios);
        await client.ResetAsync(server, "On", Cancelled);
        var first = server.ProcessId!.Value;

        Assert.True(Native.Signal(first, LabProcess.SigKill));
        await server.WaitForPowerOffAsync(Bound, Cancelled);
        Assert.Equal("Off", await client.PowerStateAsync(server, Cancelled));

        await client.ResetAsync(server, "PowerCycle", Cancelled);
        Assert.Equal("On", await client.PowerStateAsync(server, Cancelled));
        Assert.NotEqual(first, server.ProcessId);

        await client.ResetAsync(server, "ForceOff", Cancelled);
        Assert.Equal("Off", await client.PowerStateAsync(server, Cancelled));
    }

    [Fact]
    public async Task On_QemuCannotStart_SaysWhyAndLeavesNothing()
    {
        var spec = VirtualServerSpec.Numbered(1, FirmwareMode.Bios) with { Kernel = new DirectKernel("/nonexistent/vmlinuz", "/nonexistent/initrd", "") };
        var server = await lan.AddServerAsync(spec, Cancelled);

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => server.PowerOnAsync(Cancelled));

        Assert.Contains("/nonexistent/vmlinuz", error.Message, StringComparison.Ordinal);
        Assert.Equal(PowerState.Off, server.PowerState);
        Assert.Empty(await Tool.RunAsync("ip", ["netns", "pids", lan.Conductor.Namespace], null, Cancelled));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(30)]
    [InlineData(100)]
    public async Task On_CancelledSomewhereOnTheWay_IsOnWholeOrOffWhole(int milliseconds)
    {
        var server = await AddServerAsync(FirmwareMode.Uefi);
        using var cancel = new CancellationTokenSource(milliseconds);

        var failure = await Record.ExceptionAsync(() => server.PowerOnAsync(cancel.Token));

        var pids = await Tool.RunAsync("ip", ["netns", "pids", lan.Conductor.Namespace], null, Cancelled);
        Assert.Equal(failure is null ? PowerState.On : PowerState.Off, server.PowerState);
        Assert.Equal(failure is null ? $"{server.ProcessId}" : "", pids.Trim());
        Assert.True(failure is null or OperationCanceledException, $"{failure}");
    }

    [Fact]
    public async Task Dispose_ServersRunning_LeavesNothing()
    {
        var own = await Lan.CreateAsync(Cancelled);
        int pid;
        await using (own)
        {
            var server = await own.AddServerAsync(VirtualServerSpec.Numbered(1, FirmwareMode.Uefi), Cancelled);
            await server.PowerOnAsync(Cancelled);
            pid = server.ProcessId!.Value;
        }

        Assert.False(LanTests.IsRunning(pid));
        Assert.False(File.Exists($"/run/netns/{own.Conductor.Namespace}"));
        Assert.False(Directory.Exists(own.Folder));
    }

    [Fact]
    public async Task Kernel_Given_RunsAndAnswersOnTheSerialLine()
    {
        // iPXE as a Linux kernel, its script as the initramfs: small, and it has a shell.
        var script = Path.Combine(lan.Folder, "script.ipxe");
        await File.WriteAllTextAsync(script, "#!ipxe\necho started without firmware\nshell\n", Cancelled);
        var spec = VirtualServerSpec.Numbered(7, FirmwareMode.Bios) with { Disks = [new(SizeBytes: 1 << 30, SectorBytes: 4096)], Kernel = new DirectKernel("/usr/lib/ipxe/ipxe.lkrn", script, "") };
        var server = await lan.AddServerAsync(spec, Cancelled);

        var since = server.Serial.Mark;
        await server.PowerOnAsync(Cancelled);
        await server.Serial.WaitForLineAsync("started without firmware", Bound, cancellationToken: Cancelled);
        await AskAsync("uuid", $"{spec.Uuid}");
        await AskAsync("serial", "LAB-007");

        // SeaBIOS keeps 15 keys: a command is no longer than that, and waits for the prompt.
        async Task AskAsync(string setting, string answer)
        {
            await server.Serial.WaitForPromptAsync("iPXE>", Bound, since, Cancelled);
            since = server.Serial.Mark;
            await server.TypeAsync($"echo ${{{setting}}}\r", Cancelled);
            Assert.Equal(answer, (await server.Serial.WaitForLineAsync(answer, Bound, since, Cancelled)).Trim());
        }
    }

    private Task<VirtualServer> AddServerAsync(FirmwareMode firmware) => lan.AddServerAsync(VirtualServerSpec.Numbered(1, firmware), Cancelled);
}
