using System.Net;
using System.Net.Sockets;
using Baremetal.Api;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Tests.Power;

/// <summary>Packets on loopback, which has a broadcast address too.</summary>
public sealed class WakeOnLanTests
{
    private const string Mac = "52:54:00:00:00:01";

    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>Six times ff, then the address sixteen times.</summary>
    private static readonly byte[] Expected = [.. Enumerable.Repeat((byte)0xff, 6), .. Enumerable.Repeat<byte[]>([0x52, 0x54, 0, 0, 0, 1], 16).SelectMany(mac => mac)];

    [Fact]
    public async Task Node_WithoutController_IsWokenAndTheRestIsLeftToAnOperator()
    {
        using var card = Card();
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", Mac, new PowerSettings("wake-on-lan")), None);

        await conductor.Operator.SetPowerAsync("n1", PowerTarget.On, None);
        Assert.Equal(Expected, await HeardAsync(card));
        Assert.Equal(PowerState.Unknown, (await conductor.Operator.GetPowerAsync("n1", None)).State);

        var job = await conductor.Operator.InspectAsync("n1", None);
        Assert.Equal(Expected, await HeardAsync(card));
        var waiting = await Until.JobAsync(conductor.Operator, job.Id, now => now.WaitingFor?.Contains("sent a packet", StringComparison.Ordinal) is true, "word of what is left to do");
        Assert.Contains("switch it off and on by hand, with network boot first", waiting.WaitingFor, StringComparison.Ordinal);
        await conductor.Operator.AbortJobAsync(job.Id, None);
        await Until.JobEndAsync(conductor.Operator, job.Id);

        foreach (var target in new[] { PowerTarget.Off, PowerTarget.Reset, PowerTarget.Cycle })
        {
            var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.SetPowerAsync("n1", target, None));
            Assert.Equal(422, refusal.Problem.Status);
            Assert.Contains("can only be woken", refusal.Problem.Title, StringComparison.Ordinal);
        }
        Assert.Equal(0, card.Available);
    }

    [Fact]
    public async Task Conductor_WithoutItsAddressOnAnInterface_SaysSo()
    {
        Assert.True(MacAddress.TryParse(Mac, out var mac));
        var driver = new WakeOnLanDriver("n1", mac, [IPAddress.Parse("192.0.2.1"), IPAddress.IPv6Loopback]);
        var failure = await Assert.ThrowsAsync<PowerException>(() => driver.BootFromNetworkAsync(new NetworkStart(null, BootPolicy.DiskFirst), None));
        Assert.True(failure.Again);
        Assert.Contains("(192.0.2.1, ::1)", failure.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("52:54:00:00:00:01", null)]
    [InlineData(null, "ops")]
    public async Task Enrol_WithAddressOrUser_IsRefused(string? address, string? user)
    {
        await using var conductor = await TestConductor.StartAsync();
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", Mac, new PowerSettings("wake-on-lan", address, user)), None));
        Assert.Equal(400, refusal.Problem.Status);
        Assert.Contains("'wake-on-lan' takes no address", refusal.Problem.Title, StringComparison.Ordinal);
    }

    /// <summary>What a network card hears, asleep or not.</summary>
    private static Socket Card()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.255.255.255"), WakeOnLanDriver.Port));
        return socket;
    }

    private static async Task<byte[]> HeardAsync(Socket card)
    {
        var buffer = new byte[1500];
        var length = await Until.DoneAsync(card.ReceiveAsync(buffer), "a packet");
        return buffer[..length];
    }
}
