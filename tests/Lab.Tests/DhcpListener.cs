using System.Buffers.Binary;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Threading.Channels;
using Baremetal.Api;

namespace Baremetal.Lab.Tests;

/// <summary>A DHCP DISCOVER of a PXE client, by the firmware that its option 93 names (RFC 4578 §2.1).</summary>
internal sealed record PxeDiscover(string Mac, FirmwareMode Firmware, Guid Uuid);

/// <summary>Hears every PXE client that asks for an address on a lab's bridge.</summary>
internal sealed class DhcpListener : IAsyncDisposable
{
    // AF_PACKET takes the EtherType in network order; 3 is every protocol.
    private const ProtocolType Everything = (ProtocolType)0x0300;

    private readonly Channel<PxeDiscover> heard = Channel.CreateUnbounded<PxeDiscover>();
    private readonly Socket socket;
    private readonly Task listening;

    public DhcpListener(Lan lan)
    {
        socket = lan.Conductor.CreateSocket(AddressFamily.Packet, SocketType.Raw, Everything);
        listening = ListenAsync();
    }

    /// <summary>Waits for the next DISCOVER that comes after this call.</summary>
    public async Task<PxeDiscover> NextAsync(TimeSpan bound, CancellationToken cancellationToken)
    {
        while (heard.Reader.TryRead(out _))
        {
        }
        try
        {
            return await heard.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(bound, cancellationToken);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"No PXE client sent a DHCP DISCOVER within {bound.TotalSeconds} s.", late);
        }
    }

    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        await listening;
    }

    private async Task ListenAsync()
    {
        var frame = new byte[2048];
        try
        {
            while (true)
            {
                var length = await socket.ReceiveAsync(frame);
                if (TryParse(frame.AsSpan(0, length), out var discover))
                    heard.Writer.TryWrite(discover);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The listener was disposed of.
        }
    }

    private static bool TryParse(ReadOnlySpan<byte> frame, out PxeDiscover discover)
    {
        const int ethernet = 14, ip = 20, udp = 8, fixedPart = 240;
        const int options = ethernet + ip + udp + fixedPart;
        discover = new("", default, default);
        var isToDhcpServer = frame.Length > options && frame[12..14] is [0x08, 0x00] && frame[ethernet] == 0x45 && frame[ethernet + 9] == 17
            && BinaryPrimitives.ReadUInt16BigEndian(frame[(ethernet + ip + 2)..]) == 67;
        if (!isToDhcpServer)
            return false;

        var mac = new PhysicalAddress(frame.Slice(ethernet + ip + udp + 28, 6).ToArray());
        byte? type = null, architecture = null;
        var uuid = Guid.Empty;
        for (var rest = frame[options..]; rest.Length > 1 && rest[0] != 255;)
        {
            if (rest[0] == 0)
            {
                rest = rest[1..];
                continue;
            }
            if (rest.Length < 2 + rest[1])
                return false;
            var value = rest.Slice(2, rest[1]);
            switch (rest[0])
            {
                case 53:
                    type = value[0];
                    break;
                case 93:
                    architecture = value[1];
                    break;
                case 97:
                    // A byte of type, then the UUID as SMBIOS stores it: the first three fields little-endian.
                    uuid = new Guid(value[1..]);
                    break;
            }
            rest = rest[(2 + rest[1])..];
        }
        if (type != 1 || architecture is null)
            return false;
        discover = new(string.Join(':', mac.GetAddressBytes().Select(part => $"{part:x2}")), architecture == 0 ? FirmwareMode.Bios : FirmwareMode.Uefi, uuid);
        return true;
    }
}
