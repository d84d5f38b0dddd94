using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Baremetal.Netboot;

/// <summary>An IPv4 address as a number in host order: what a pool can count in.</summary>
public readonly record struct Ipv4(uint Value) : IComparable<Ipv4>
{
    public const int Length = 4;

    public static Ipv4 None => default;

    public static Ipv4 Broadcast => new(uint.MaxValue);

    public bool IsNone => Value == 0;

    public static Ipv4 From(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt32BigEndian(bytes));

    public static Ipv4 From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[Length];
        return address.TryWriteBytes(bytes, out var written) && written == Length
            ? From(bytes)
            : throw new ArgumentException($"{address} is no IPv4 address", nameof(address));
    }

    /// <summary>Reads four decimal numbers with dots; the shorter and the octal forms of old are refused.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Ipv4 address)
    {
        address = default;
        if (!IPAddress.TryParse(text, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetwork)
            return false;
        address = From(parsed);
        return text.SequenceEqual(address.ToString());
    }

    public static Ipv4 Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"\"{text}\" is no IPv4 address such as 10.0.0.1");

    /// <summary>The netmask of a prefix: 24 is 255.255.255.0.</summary>
    public static Ipv4 Mask(int prefixLength) => new(prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength));

    public void CopyTo(Span<byte> bytes) => BinaryPrimitives.WriteUInt32BigEndian(bytes, Value);

    public IPAddress ToIPAddress() => new(BinaryPrimitives.ReverseEndianness(Value));

    public int CompareTo(Ipv4 other) => Value.CompareTo(other.Value);

    public static bool operator <(Ipv4 a, Ipv4 b) => a.Value < b.Value;

    public static bool operator >(Ipv4 a, Ipv4 b) => a.Value > b.Value;

    public static bool operator <=(Ipv4 a, Ipv4 b) => a.Value <= b.Value;

    public static bool operator >=(Ipv4 a, Ipv4 b) => a.Value >= b.Value;

    public override string ToString() => $"{Value >> 24}.{(byte)(Value >> 16)}.{(byte)(Value >> 8)}.{(byte)Value}";
}
