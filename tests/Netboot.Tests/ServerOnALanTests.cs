using System.Net;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests;

/// <summary>The whole server, as its own process among real clients and servers.</summary>
public sealed class ServerOnALanTests
{
    [Fact]
    public async Task Server_PlainClient_GetsAnAddressAndNothingToBoot()
    {
        await using var lan = await ServedLan.CreateAsync();
        var server = await lan.ServeAsync(DhcpMode.Server);
        var client = await lan.AddHostAsync("client", "10.77.0.50");

        var byUnicast = await lan.UdhcpcAsync(client, "-x", "hostname:web-1");
        var byBroadcast = await lan.UdhcpcAsync(client, "-B");

        Assert.Matches(@"^BOUND 10\.77\.0\.1\d\d mask 24 router none server 10\.77\.0\.1 boot none$", byUnicast);
        Assert.Equal(byUnicast, byBroadcast);
        Assert.Matches(@"^SEEN \S+ 10\.77\.0\.1\d\d System web-1$", await ServedLan.SaidAsync(server, "web-1"));
    }

    [Fact]
    public async Task Server_KilledAndStartedAgain_KnowsItsLeases()
    {
        await using var lan = await ServedLan.CreateAsync();
        var first = await lan.AddHostAsync("first", "10.77.0.50");
        var second = await lan.AddHostAsync("second", "10.77.0.51");
        var server = await lan.ServeAsync(DhcpMode.Server);
        Assert.Contains("10.77.0.177", await lan.UdhcpcAsync(first, "-r", "10.77.0.177"), StringComparison.Ordinal);

        await server.KillAsync();
        await lan.ServeAsync(DhcpMode.Server);

        Assert.DoesNotContain("10.77.0.177", await lan.UdhcpcAsync(second, "-r", "10.77.0.177"), StringComparison.Ordinal);
        Assert.Contains("10.77.0.177", await lan.UdhcpcAsync(first), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_InterfaceMadeAnew_ServesItAgain()
    {
        await using var lan = await ServedLan.CreateAsync();
        var other = await lan.AddHostAsync("other", "10.77.0.3");
        var client = await lan.AddHostAsync("client", "10.77.0.50");
        var server = await lan.ServeAsync(DhcpMode.Server, host: other);
        var first = await lan.UdhcpcAsync(client);
        var since = server.Output.Mark;

        await lan.Lan.UnplugAsync(other, TestContext.Current.CancellationToken);
        await server.Output.WaitForLineAsync("Netboot on eth0 waits: There is no network interface eth0", ServedLan.Bound, since, TestContext.Current.CancellationToken);
        await lan.Lan.PlugInAsync(other, TestContext.Current.CancellationToken);
        await server.Output.WaitForLineAsync(ServeCommand.Ready, ServedLan.Bound, since, TestContext.Current.CancellationToken);

        Assert.Equal(first, await lan.UdhcpcAsync(client));
    }

    [Fact]
    public async Task Server_BesideAServerOfOurs_RefusesAndNamesIt()
    {
        await using var lan = await ServedLan.CreateAsync();
        await lan.ServeAsync(DhcpMode.Server);
        var late = lan.Launch(DhcpMode.Server, host: await lan.AddHostAsync("late", "10.77.0.60"), name: "late", probeSeconds: "30");

        Assert.Equal(1, await late.WaitForExitAsync(ServedLan.Bound, TestContext.Current.CancellationToken));
        Assert.Contains("REFUSED Another DHCP server is on eth0: 10.77.0.1 (offered 10.77.0.", string.Join('\n', late.Output.Tail(20)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_BesideDnsmasq_RefusesAndNamesIt()
    {
        await using var lan = await ServedLan.CreateAsync();
        await ServedLan.DnsmasqAsync(await lan.AddHostAsync("dnsmasq", "10.77.0.3"));
        var late = lan.Launch(DhcpMode.Server, probeSeconds: "30");

        Assert.Equal(1, await late.WaitForExitAsync(ServedLan.Bound, TestContext.Current.CancellationToken));
        Assert.Contains("REFUSED Another DHCP server is on br0: 10.77.0.3 (offered 10.77.0.2", string.Join('\n', late.Output.Tail(20)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proxy_SecondOnOneMachine_SaysThatThePortIsTaken()
    {
        await using var lan = await ServedLan.CreateAsync();
        await lan.ServeAsync(DhcpMode.Proxy);
        var late = lan.Launch(DhcpMode.Proxy, name: "late", probeSeconds: "30");

        Assert.Equal(1, await late.WaitForExitAsync(ServedLan.Bound, TestContext.Current.CancellationToken));
        Assert.Contains("REFUSED UDP port 67 of br0 is taken", string.Join('\n', late.Output.Tail(20)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_AnotherServerComesLater_IsNamedInTheLog()
    {
        await using var lan = await ServedLan.CreateAsync();
        var server = await lan.ServeAsync(DhcpMode.Server);
        await ServedLan.DnsmasqAsync(await lan.AddHostAsync("dnsmasq", "10.77.0.3"));
        await lan.UdhcpcAsync(await lan.AddHostAsync("client", "10.77.0.50"), "-B");
        await ServedLan.SaidAsync(server, "Another DHCP server is on br0: 10.77.0.3");
    }

    [Fact]
    public async Task Proxy_BesideDnsmasq_LeavesAddressesToItAndBootsFirmware()
    {
        await using var lan = await ServedLan.CreateAsync();
        await ServedLan.DnsmasqAsync(await lan.AddHostAsync("dnsmasq", "10.77.0.3"));
        var server = await lan.ServeAsync(DhcpMode.Proxy);
        var client = await lan.AddHostAsync("client", "10.77.0.50");

        Assert.Matches(@"^BOUND 10\.77\.0\.2\d\d mask 24 router \S+ server 10\.77\.0\.3 ", await lan.UdhcpcAsync(client));
        Assert.Matches(@"^SEEN \S+ 10\.77\.0\.2\d\d System ", await ServedLan.SaidAsync(server, " 10.77.0.2"));

        // edk2: two offers for its DISCOVER, one with an address and one with the loader; then its question to port 4011, from there.
        using var firmware = ServedLan.Firmware(client, 68);
        await firmware.SendToAsync(Captured.Discover("uefi-proxy", ipxe: false), new IPEndPoint(IPAddress.Broadcast, 67), TestContext.Current.CancellationToken);
        var buffer = new byte[2048];
        var offers = new List<DhcpPacket>();
        for (var i = 0; i < 2; i++)
            offers.Add(Fixtures.Packet(buffer.AsSpan(0, (await ServedLan.NextAsync(firmware, buffer, "an offer")).ReceivedBytes)));
        Assert.Equal("10.77.0.3", offers.Single(offer => !offer.YourAddress.IsNone).ServerIdentifier.ToString());
        Assert.Equal("10.77.0.1", offers.Single(offer => offer.YourAddress.IsNone).ServerIdentifier.ToString());

        using var atBootServer = ServedLan.Firmware(client, ProxyServer.Port);
        var question = Captured.DhcpRequests("uefi-proxy").Single(one => one.DestinationPort == ProxyServer.Port).Payload;
        await atBootServer.SendToAsync(question, new IPEndPoint(IPAddress.Parse("10.77.0.1"), ProxyServer.Port), TestContext.Current.CancellationToken);
        var answer = await ServedLan.NextAsync(atBootServer, buffer, "the answer of port 4011");
        Assert.Equal(DhcpMessage.Ack, Fixtures.Packet(buffer.AsSpan(0, answer.ReceivedBytes)).Message);
        Assert.Equal(new IPEndPoint(IPAddress.Parse("10.77.0.1"), ProxyServer.Port), answer.RemoteEndPoint);
    }

    [Theory]
    [InlineData("10.77.0.1")]
    [InlineData("10.77.0.2")]
    public async Task Tftp_OnAMachineWithTwoAddresses_AnswersFromTheOneAsked(string address)
    {
        await using var lan = await ServedLan.CreateAsync();
        await lan.ServeAsync(DhcpMode.Proxy);
        using var client = ServedLan.Firmware(await lan.AddHostAsync("client", "10.77.0.50"), 0);
        await client.SendToAsync("\0\u0001snponly.efi\0octet\0tsize\00\0"u8.ToArray(), new IPEndPoint(IPAddress.Parse(address), 69), TestContext.Current.CancellationToken);

        var buffer = new byte[2048];
        var answer = await ServedLan.NextAsync(client, buffer, "the option acknowledgement");

        Assert.Equal(IPAddress.Parse(address), ((IPEndPoint)answer.RemoteEndPoint).Address);
        Assert.Equal($"\0\u0006tsize\0{new FileInfo("/usr/lib/ipxe/snponly.efi").Length}\0", System.Text.Encoding.ASCII.GetString(buffer, 0, answer.ReceivedBytes));
    }
}
