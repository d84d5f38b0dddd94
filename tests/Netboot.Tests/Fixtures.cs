using System.Net;
using Baremetal.Netboot.Boot;
using Baremetal.Netboot.Dhcp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baremetal.Netboot.Tests;

/// <summary>The network of the captures: we are 10.77.0.1 on it.</summary>
internal static class Fixtures
{
    public static readonly Ipv4 Us = Ipv4.Parse("10.77.0.1");
    public static readonly MacAddress Mac = Parse("52:54:00:77:00:00");
    public static readonly NetworkLink Link = new("br0", 7, Parse("52:54:00:77:ff:01"), Us, 24, 1500);

    public static MacAddress Parse(string mac) => MacAddress.TryParse(mac, out var parsed) ? parsed : throw new FormatException(mac);

    public static DhcpPacket Packet(ReadOnlySpan<byte> datagram) =>
        DhcpPacket.TryParse(datagram, out var packet, out var rejection) ? packet : throw new InvalidDataException(rejection.ToString());

    /// <summary>A DHCP packet of a client that is no boot client, with what a test needs in it.</summary>
    public static byte[] Request(
        DhcpMessage message, MacAddress? mac = null, string ciaddr = "0.0.0.0", string? wants = null, string? server = null, string giaddr = "0.0.0.0", ushort flags = 0,
        params (DhcpOption Option, byte[] Value)[] more)
    {
        var buffer = new byte[DhcpPacket.MaximumLength];
        var packet = new DhcpWriter(buffer, reply: false, 0x12345678, flags, mac ?? Mac);
        packet.Addresses(Ipv4.Parse(ciaddr), Ipv4.None, Ipv4.None, Ipv4.Parse(giaddr));
        _ = packet.TryAdd(DhcpOption.MessageType, (byte)message);
        if (wants is not null)
            _ = packet.TryAdd(DhcpOption.RequestedAddress, Ipv4.Parse(wants));
        if (server is not null)
            _ = packet.TryAdd(DhcpOption.ServerIdentifier, Ipv4.Parse(server));
        foreach (var (option, value) in more)
            _ = packet.TryAdd(option, value);
        return buffer[..packet.Finish()];
    }
}

/// <summary>A DHCP service without its sockets: a packet in, a packet out.</summary>
internal sealed class OfflineDhcp : IBootPolicy, IDisposable
{
    /// <summary>10.77.0.200 is kept for it, the last address of the pool.</summary>
    public static readonly MacAddress Reserved = Fixtures.Parse("52:54:00:77:00:c8");

    private readonly string folder = Directory.CreateTempSubdirectory("netboot-").FullName;
    private readonly LeaseFile? file;
    private readonly DhcpService service;

    public OfflineDhcp(DhcpMode mode, BootChoice choice = BootChoice.Agent, NetworkLink? link = null, ILogger? log = null)
    {
        Choice = choice;
        Link = link ?? Fixtures.Link;
        AddressServer? addresses = null;
        if (mode == DhcpMode.Server)
        {
            var pool = new AddressPool(Ipv4.Parse("10.77.0.100"), Ipv4.Parse("10.77.0.200"), Link.Mask, new HashSet<Ipv4> { Link.Address }, new Dictionary<MacAddress, Ipv4> { [Reserved] = Ipv4.Parse("10.77.0.200") });
            file = LeaseFile.Open(Path.Combine(folder, "leases"), out _, out _);
            var leases = new LeaseTable(pool, TimeSpan.FromHours(1), file, Clock, log ?? NullLogger.Instance);
            leases.Load([]);
            addresses = new AddressServer(Link, pool, leases, new LeaseTerms(Link.Mask, null, [], TimeSpan.FromHours(1)));
        }
        Recent = new RecentBoots(Clock);
        service = new DhcpService(Link, addresses, this, new BootUrls("http://10.77.0.1:8080"), Recent, log ?? NullLogger.Instance);
    }

    public SteppedClock Clock { get; } = new();

    public NetworkLink Link { get; }

    public RecentBoots Recent { get; }

    public BootChoice Choice { get; set; }

    public List<Machine> Asked { get; } = [];

    public List<Sighting> Sightings { get; } = [];

    /// <summary>The reply as bytes, as a packet and where it goes; null when there is none.</summary>
    public (byte[] Bytes, DhcpPacket Packet, ReplyRoute Route)? Answer(ReadOnlySpan<byte> request, bool atBootServer = false)
    {
        var buffer = new byte[DhcpPacket.MaximumLength];
        var length = service.Answer(request, atBootServer, buffer, out var route);
        return length == 0 ? null : (buffer[..length], Fixtures.Packet(buffer.AsSpan(0, length)), route);
    }

    public (byte[] Bytes, DhcpPacket Packet, ReplyRoute Route) Expect(ReadOnlySpan<byte> request, bool atBootServer = false) =>
        Answer(request, atBootServer) ?? throw new InvalidOperationException("there was no answer");

    public BootChoice Choose(Machine machine)
    {
        Asked.Add(machine);
        return Choice;
    }

    public void Seen(Sighting sighting) => Sightings.Add(sighting);

    public void Sent(IPAddress client, string file) => throw new InvalidOperationException("DHCP sends no file");

    public void Dispose()
    {
        file?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The address in a sighting or an endpoint, for comparing.</summary>
    public static IPAddress Address(string text) => IPAddress.Parse(text);
}
