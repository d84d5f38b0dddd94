using System.Net;
using Baremetal.Netboot.Dhcp;
using Baremetal.Netboot.Ipv6;
using Baremetal.Netboot.Tftp;

namespace Baremetal.Netboot.Tests;

/// <summary>A hundred thousand damaged packets each (in a soak ten million): answered or rejected, never an exception, and every answer is a sound packet itself.</summary>
public sealed class MutationTests
{
    private static readonly int _cases = Environment.GetEnvironmentVariable("BAREMETAL_SOAK") == "1" ? 10_000_000 : 100_000;

    [Theory]
    [InlineData(DhcpMode.Server, 1)]
    [InlineData(DhcpMode.Proxy, 2)]
    public void Dhcp_DamagedRequests_AreAnsweredSoundlyOrRejected(DhcpMode mode, int seed)
    {
        using var dhcp = new OfflineDhcp(mode);
        byte[] relayed = Fixtures.Request(DhcpMessage.Discover, giaddr: "10.77.0.254", more: [(DhcpOption.RelayAgent, [1, 8, .. "ge-0/0/1"u8, 2, 6, 0, 4, 0, 7, 1, 2])]);
        byte[][] packets = [.. Payloads(Captured.DhcpRequests, "bios", "uefi", "uefi-http", "uefi-proxy", "uefi-sb"), relayed, relayed];
        var random = new Random(seed);
        var answered = 0;
        for (var i = 0; i < _cases; i++)
        {
            var damaged = Damage(packets[random.Next(packets.Length)], random);
            if (dhcp.Answer(damaged, atBootServer: mode == DhcpMode.Proxy && i % 2 == 0) is not { } answer) // parses what it returns
                continue;
            answered++;
            Assert.True(answer.Packet.IsReply);
            Assert.InRange(answer.Bytes.Length, 300, 1472);
        }
        Assert.All(dhcp.Sightings.SelectMany(one => new[] { one.Circuit, one.Remote }).OfType<string>(), text =>
        {
            Assert.InRange(text.Length, 1, 512);
            Assert.DoesNotContain(text, letter => letter is < ' ' or > '~');
        });
        Assert.InRange(answered, 1000, _cases);
    }

    [Fact]
    public void Tftp_DamagedRequests_AreReadOrRejected()
    {
        byte[][] packets = Payloads(Captured.TftpRequests, "uefi", "uefi-sb");
        var random = new Random(3);
        var read = 0;
        for (var i = 0; i < _cases; i++)
            if (TftpRequest.TryParse(Damage(packets[random.Next(packets.Length)], random), out var request, out var rejection))
            {
                read++;
                Assert.InRange(TftpTerms.Agree(request, 100, 1500).BlockSize, 8, 1468);
                Assert.InRange(TftpTerms.Agree(request, 100, 1500).WindowSize, 1, 64);
            }
            else
                Assert.NotEqual(TftpRejection.None, rejection);
        Assert.InRange(read, 1000, _cases);
    }

    [Fact]
    public void Frames_Damaged_AreReadOrRejected()
    {
        byte[] frame = [.. new byte[Ipv4Udp.HeaderLength], .. Captured.Discover("uefi", ipxe: false)];
        Ipv4Udp.WriteHeaders(frame, Fixtures.Us, 67, Ipv4.Broadcast, 68);
        byte[] solicitation = [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x52, 0x54, 0, 0x77, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0];
        var random = new Random(4);
        var read = 0;
        for (var i = 0; i < _cases; i++)
        {
            read += Ipv4Udp.TryRead(Damage(frame, random), out _, out _, out _) ? 1 : 0;
            read += RouterSolicitation.TryParse(Damage(solicitation, random), IPAddress.IPv6Any, out _) ? 1 : 0;
        }
        Assert.InRange(read, 1000, 2 * _cases);
    }

    private static byte[][] Payloads(Func<string, IReadOnlyList<Captured>> kind, params string[] captures) => [.. captures.SelectMany(kind).Select(one => one.Payload)];

    /// <summary>One to four faults: a changed byte (often where lengths and codes are), a cut, a repeated piece, a swapped piece.</summary>
    private static byte[] Damage(byte[] packet, Random random)
    {
        var damaged = packet.ToArray();
        for (var faults = random.Next(1, 5); faults > 0 && damaged.Length > 4; faults--)
        {
            var at = random.Next(2) == 0 ? random.Next(damaged.Length) : random.Next(Math.Min(240, damaged.Length - 1), damaged.Length);
            switch (random.Next(6))
            {
                case 0:
                    damaged = damaged[..at];
                    break;
                case 1:
                    damaged = [.. damaged[..at], .. damaged[random.Next(damaged.Length)..]];
                    break;
                case 2:
                    damaged[at] = 255;
                    break;
                default:
                    damaged[at] = (byte)random.Next(256);
                    break;
            }
        }
        return damaged;
    }
}
