using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Baremetal.Netboot.Dhcp;

/// <summary>IPv4 packets to and from Ethernet addresses (packet(7), SOCK_DGRAM: the kernel makes the Ethernet header). Needs CAP_NET_RAW.</summary>
internal sealed class PacketSocket : IDisposable
{
    private const ushort EtherTypeIpv4 = 0x0800;

    private readonly Socket socket = new(AddressFamily.Packet, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly NetworkLink link;

    private PacketSocket(NetworkLink link) => this.link = link;

    /// <summary>For sending alone: protocol 0 receives nothing.</summary>
    /// <exception cref="SocketException">The process may not.</exception>
    public static PacketSocket ForSending(NetworkLink link) => new(link);

    /// <summary>For the UDP datagrams that arrive at one port, whoever they are meant for; the kernel filters, so that others cost nothing.</summary>
    /// <exception cref="SocketException">The process may not.</exception>
    public static PacketSocket ForPort(NetworkLink link, ushort port)
    {
        var packets = new PacketSocket(link);
        try
        {
            packets.Filter(port);
            packets.socket.Bind(new LinkEndPoint(link.Index, EtherTypeIpv4, default));
            return packets;
        }
        catch
        {
            packets.Dispose();
            throw;
        }
    }

    public void Send(MacAddress to, ReadOnlySpan<byte> ipPacket) =>
        socket.SendTo(ipPacket, SocketFlags.None, new LinkEndPoint(link.Index, EtherTypeIpv4, to).Serialize());

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancel) => socket.ReceiveAsync(buffer, cancel);

    public void Dispose() => socket.Dispose();

    /// <summary>Classic BPF (Documentation/networking/filter.rst): UDP, not a later fragment, to this port.</summary>
    private unsafe void Filter(ushort port)
    {
        const int SolSocket = 1, SoAttachFilter = 26;
        ReadOnlySpan<Instruction> program =
        [
            new(0x30, 0, 0, 9), // A = protocol
            new(0x15, 0, 6, 17), // UDP, or drop
            new(0x28, 0, 0, 6), // A = fragment word
            new(0x45, 4, 0, 0x1fff), // an offset: drop
            new(0xb1, 0, 0, 0), // X = header length
            new(0x48, 0, 0, 2), // A = destination port
            new(0x15, 0, 1, port),
            new(0x06, 0, 0, 0xffff), // take it
            new(0x06, 0, 0, 0), // drop it
        ];
        fixed (Instruction* first = program)
        {
            var filter = new Program((ushort)program.Length, first);
            socket.SetRawSocketOption(SolSocket, SoAttachFilter, MemoryMarshal.AsBytes(new ReadOnlySpan<Program>(in filter)));
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Operand);

    [StructLayout(LayoutKind.Sequential)]
    private readonly unsafe struct Program(ushort length, Instruction* first)
    {
        public readonly ushort Length = length;
        public readonly Instruction* First = first;
    }

    /// <summary>struct sockaddr_ll.</summary>
    private sealed class LinkEndPoint(int index, ushort etherType, MacAddress mac) : EndPoint
    {
        private const int Length = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Length);
            var bytes = address.Buffer.Span;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], etherType);
            MemoryMarshal.Write(bytes[4..], index);
            bytes[11] = MacAddress.Length;
            mac.CopyTo(bytes[12..]);
            return address;
        }
    }
}
