using System.Net;
using Baremetal.Api;
using Baremetal.Lab.Bmc;

namespace Baremetal.Lab.Tests;

/// <summary>A virtual server behind a BMC that speaks IPMI, switched by Debian's own ipmitool.</summary>
[Trait(Traits.Needs, Traits.VirtualServers)]
public sealed class IpmiBmcTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Orders_OfIpmitool_ReachTheServer()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var server = await lan.AddServerAsync(VirtualServerSpec.Numbered(1, FirmwareMode.Bios), Cancelled);
        var address = new IPEndPoint(Lan.BmcAddress, IpmiBmc.FirstPort);
        await using (await IpmiBmc.StartAsync(address, "lab", "s3cret", new ServerChassis(server), Path.Combine(lan.Folder, "bmc"), lan.Conductor, Cancelled))
        {
            Assert.Equal("Chassis Power is off", await AskAsync("power", "status"));
            await AskAsync("bootdev", "pxe");
            Assert.Equal(BootTarget.Network, server.NextBoot);
            await AskAsync("power", "on");
            await server.Events.WaitForLineAsync("power-on, network first", Bound, cancellationToken: Cancelled);
            Assert.Equal("Chassis Power is on", await AskAsync("power", "status"));
            await AskAsync("power", "reset");
            await server.Events.WaitForLineAsync("RESET", Bound, cancellationToken: Cancelled);
            var since = server.Events.Mark;
            await AskAsync("power", "cycle");
            await server.Events.WaitForLineAsync("power-on, disk first", Bound, since, Cancelled);
            await AskAsync("power", "off");
            await server.WaitForPowerOffAsync(Bound, Cancelled);
            Assert.Equal("Chassis Power is off", await AskAsync("power", "status"));
        }
        Assert.Empty(await Tool.RunAsync("ip", ["netns", "pids", lan.Conductor.Namespace], null, Cancelled));

        async Task<string> AskAsync(params string[] command)
        {
            await using var asked = lan.Conductor.Start(
                $"ipmitool-{string.Join('-', command)}",
                ["ipmitool", "-I", "lanplus", "-H", $"{address.Address}", "-p", $"{address.Port}", "-C", "3", "-U", "lab", "-E", "chassis", .. command],
                environment: new Dictionary<string, string> { ["IPMI_PASSWORD"] = "s3cret" });
            Assert.Equal(0, await asked.WaitForExitAsync(Bound, Cancelled));
            return string.Join(' ', asked.Output.Tail(1)).Trim();
        }
    }
}
