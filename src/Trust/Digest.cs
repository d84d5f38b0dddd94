using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Trust;

/// <summary>A SHA-256 digest; in text 64 lower-case hex digits.</summary>
[JsonConverter(typeof(DigestJson))]
public readonly struct Digest : IEquatable<Digest>
{
    /// <summary>Bytes in a digest.</summary>
    public const int Size = 32;

    private readonly UInt128 _high;
    private readonly UInt128 _low;

    public Digest(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        _high = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
        _low = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]);
    }

    public static Digest Of(ReadOnlySpan<byte> data)
    {
        Span<byte> bytes = stackalloc byte[Size];
        SHA256.HashData(data, bytes);
        return new Digest(bytes);
    }

    /// <summary>Reads a stream to its end, in constant memory.</summary>
    public static Digest Of(Stream data)
    {
        Span<byte> bytes = stackalloc byte[Size];
        SHA256.HashData(data, bytes);
        return new Digest(bytes);
    }

    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        Span<byte> bytes = stackalloc byte[Size];
        if (text is not { Length: 2 * Size } || text.AsSpan().ContainsAnyInRange('A', 'F'))
            return false;
        if (Convert.FromHexString(text, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
            return false;
        digest = new Digest(bytes);
        return true;
    }

    public void CopyTo(Span<byte> bytes)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, _high);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes[16..], _low);
    }

    public bool Equals(Digest other) => _high == other._high && _low == other._low;

    public override bool Equals(object? obj) => obj is Digest other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_high, _low);

    public override string ToString() => $"{_high:x32}{_low:x32}";

    public static bool operator ==(Digest left, Digest right) => left.Equals(right);

    public static bool operator !=(Digest left, Digest right) => !left.Equals(right);
}

/// <summary>A digest as a JSON string; anything but 64 lower-case hex digits is refused.</summary>
public sealed class DigestJson : JsonConverter<Digest>
{
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Digest.TryParse(reader.GetString(), out var digest) ? digest : throw new JsonException("not a SHA-256 digest (64 lower-case hex digits)");

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
