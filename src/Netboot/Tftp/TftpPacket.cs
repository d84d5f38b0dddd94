using System.Buffers.Binary;
using System.Text;

namespace Baremetal.Netboot.Tftp;

/// <summary>The packets of a transfer (RFC 1350 §5, RFC 2347 §2).</summary>
internal static class TftpPacket
{
    /// <summary>Opcode and block number, or opcode and error code.</summary>
    public const int HeaderLength = 4;

    private const ushort DataCode = 3;
    private const ushort AckCode = 4;
    private const ushort ErrorCode = 5;
    private const ushort OptionAckCode = 6;

    /// <summary>Numbers are 16 bits and go on at 0 after 65535, as iPXE, edk2 and tftp-hpa count.</summary>
    public static int WriteData(Span<byte> packet, long block, ReadOnlySpan<byte> data)
    {
        WriteHeader(packet, DataCode, (ushort)block);
        data.CopyTo(packet[HeaderLength..]);
        return HeaderLength + data.Length;
    }

    public static byte[] Error(TftpError error, string text)
    {
        var packet = new byte[HeaderLength + text.Length + 1];
        WriteHeader(packet, ErrorCode, (ushort)error);
        Encoding.ASCII.GetBytes(text, packet.AsSpan(HeaderLength));
        return packet;
    }

    /// <summary>Only what was asked for may be in it.</summary>
    public static byte[] OptionAck(IEnumerable<(string Name, long Value)> options)
    {
        var text = string.Concat(options.Select(option => $"{option.Name}\0{option.Value}\0"));
        var packet = new byte[2 + text.Length];
        BinaryPrimitives.WriteUInt16BigEndian(packet, OptionAckCode);
        Encoding.ASCII.GetBytes(text, packet.AsSpan(2));
        return packet;
    }

    public static bool IsAck(ReadOnlySpan<byte> packet, out ushort block) => IsCode(packet, AckCode, out block);

    public static bool IsError(ReadOnlySpan<byte> packet, out ushort code, out string text)
    {
        text = "";
        if (!IsCode(packet, ErrorCode, out code))
            return false;
        var end = packet[HeaderLength..].IndexOf((byte)0);
        var letters = end < 0 ? packet[HeaderLength..] : packet.Slice(HeaderLength, end);
        text = letters.ContainsAnyExceptInRange((byte)' ', (byte)'~') ? "" : Encoding.ASCII.GetString(letters);
        return true;
    }

    private static bool IsCode(ReadOnlySpan<byte> packet, ushort code, out ushort number)
    {
        number = 0;
        if (packet.Length < HeaderLength || BinaryPrimitives.ReadUInt16BigEndian(packet) != code)
            return false;
        number = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        return true;
    }

    private static void WriteHeader(Span<byte> packet, ushort code, ushort number)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet, code);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], number);
    }
}

/// <summary>RFC 1350, appendix.</summary>
internal enum TftpError : ushort
{
    NotDefined = 0,
    FileNotFound = 1,
    AccessViolation = 2,
    IllegalOperation = 4,
}
