using System.Buffers.Binary;
using System.Text;
using Baremetal.Imaging.Sources;

namespace Baremetal.Imaging.Formats.Qcow2;

/// <summary>A snapshot that an image keeps (qcow2.rst, "Snapshots"). It is never written.</summary>
/// <param name="Id">Unique in the image.</param>
/// <param name="Name">Given by whoever took it.</param>
/// <param name="TakenAt">By the clock of the host that took it.</param>
public sealed record Qcow2Snapshot(string Id, string Name, DateTimeOffset TakenAt);

/// <summary>
/// What a qcow2 file says of itself, for people: read without judging it, so that an image that is refused is described as well. Nothing is
/// written by this; <see cref="Qcow2Header"/> decides.
/// </summary>
/// <param name="Version">2 or 3.</param>
/// <param name="ClusterBytes">Bytes of a cluster.</param>
/// <param name="HasSubclusters">Whether clusters are allocated in 32 parts.</param>
/// <param name="DiskBytes">Bytes of the disk.</param>
/// <param name="Encryption"><c>AES</c>, <c>LUKS</c> or a number; null if there is none.</param>
/// <param name="BackingFile">The file that it is a difference to, or null. Never opened.</param>
/// <param name="UnknownFeatures">Feature bits that QEMU's specification does not know, with the names that the file itself gives them.</param>
/// <param name="SnapshotCount">As the header has it.</param>
/// <param name="Snapshots">Those that can be read, <see cref="MostSnapshots"/> at most.</param>
public sealed record Qcow2Facts(
    int Version,
    long ClusterBytes,
    bool HasSubclusters,
    ulong DiskBytes,
    string? Encryption,
    string? BackingFile,
    IReadOnlyList<string> UnknownFeatures,
    uint SnapshotCount,
    IReadOnlyList<Qcow2Snapshot> Snapshots)
{
    public const int MostSnapshots = 256;

    private const int Version2Length = 72;
    private const int Version3Length = 104;
    private const int MostBackingFile = 1023;
    private const int SnapshotHeaderLength = 40;
    private const int MostSnapshotExtra = 1024;

    // Kinds of features in the order of the header's fields, and of the name table's types, with the bits that are known.
    private static readonly (string Kind, int Offset, ulong Known)[] _features = [("incompatible", 72, 0x1f), ("compatible", 80, 0x01), ("autoclear", 88, 0x03)];

    /// <returns>Null if not even the header can be told.</returns>
    internal static Qcow2Facts? TryRead(SourceCursor file)
    {
        var head = new byte[Math.Min(Qcow2Header.MaxLength, file.Layout.Size)];
        file.Read(0, head);
        var facts = head.Length < Version2Length ? null : Read(head, file);
        file.End();
        return facts;
    }

    private static Qcow2Facts? Read(ReadOnlySpan<byte> head, SourceCursor file)
    {
        var version = BinaryPrimitives.ReadUInt32BigEndian(head[4..]);
        var clusterBits = BinaryPrimitives.ReadUInt32BigEndian(head[20..]);
        if (version is not (2 or 3) || (version == 3 && head.Length < Version3Length) || clusterBits > 30)
            return null;
        var count = BinaryPrimitives.ReadUInt32BigEndian(head[60..]);
        return new Qcow2Facts(
            (int)version,
            1L << (int)clusterBits,
            version == 3 && (BinaryPrimitives.ReadUInt64BigEndian(head[72..]) & 0x10) != 0,
            BinaryPrimitives.ReadUInt64BigEndian(head[24..]),
            EncryptionOf(BinaryPrimitives.ReadUInt32BigEndian(head[32..])),
            BackingFileOf(head),
            version == 3 ? Unknown(head) : [],
            count,
            SnapshotsAt(BinaryPrimitives.ReadUInt64BigEndian(head[64..]), count, file));
    }

    internal static string? EncryptionOf(uint method) => method switch
    {
        0 => null,
        1 => "AES",
        2 => "LUKS",
        _ => $"method {method}",
    };

    private static string? BackingFileOf(ReadOnlySpan<byte> head)
    {
        var offset = BinaryPrimitives.ReadUInt64BigEndian(head[8..]);
        if (offset == 0)
            return null;
        var length = BinaryPrimitives.ReadUInt32BigEndian(head[16..]);
        return offset < (ulong)head.Length && length <= MostBackingFile && (int)offset + (int)length <= head.Length
            ? Encoding.UTF8.GetString(head.Slice((int)offset, (int)length))
            : "(its name cannot be read)";
    }

    private static List<string> Unknown(ReadOnlySpan<byte> head)
    {
        var length = BinaryPrimitives.ReadUInt32BigEndian(head[100..]);
        var names = HeaderExtensions.Read(head[(int)Math.Min(length, (uint)head.Length)..]).FeatureNames;
        var unknown = new List<string>();
        foreach (var (type, (kind, offset, known)) in _features.Index())
        {
            var bits = BinaryPrimitives.ReadUInt64BigEndian(head[offset..]) & ~known;
            for (var bit = 0; bit < 64; bit++)
            {
                if (((bits >> bit) & 1) != 0)
                    unknown.Add($"{kind} {bit}{(names.TryGetValue((type, bit), out var name) ? $" ({name})" : "")}");
            }
        }
        return unknown;
    }

    // offset 0: L1 offset (8), L1 entries (4), id length (2), name length (2), seconds (4), nanoseconds (4), … 36: length of extra data (4), extra data, id, name.
    private static List<Qcow2Snapshot> SnapshotsAt(ulong offset, uint count, SourceCursor file)
    {
        var snapshots = new List<Qcow2Snapshot>();
        var size = (ulong)file.Layout.Size;
        Span<byte> header = stackalloc byte[SnapshotHeaderLength];
        while (snapshots.Count < Math.Min(count, MostSnapshots) && offset < size && size - offset >= SnapshotHeaderLength)
        {
            file.Read((long)offset, header);
            int idLength = BinaryPrimitives.ReadUInt16BigEndian(header[12..]);
            int nameLength = BinaryPrimitives.ReadUInt16BigEndian(header[14..]);
            var extra = BinaryPrimitives.ReadUInt32BigEndian(header[36..]);
            var texts = offset + SnapshotHeaderLength + extra;
            if (extra > MostSnapshotExtra || texts > size || size - texts < (ulong)(idLength + nameLength))
                break;
            var text = new byte[idLength + nameLength];
            file.Read((long)texts, text);
            snapshots.Add(new Qcow2Snapshot(
                Encoding.UTF8.GetString(text.AsSpan(0, idLength)),
                Encoding.UTF8.GetString(text.AsSpan(idLength)),
                DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadUInt32BigEndian(header[16..]))));
            offset = (texts + (ulong)text.Length + 7) & ~7UL;
        }
        return snapshots;
    }
}
