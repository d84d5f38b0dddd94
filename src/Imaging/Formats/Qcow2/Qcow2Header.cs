using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;
using Baremetal.Trust;

namespace Baremetal.Imaging.Formats.Qcow2;

/// <summary>
/// The header of a qcow2 file, versions 2 and 3 (QEMU's docs/interop/qcow2.rst, "Header"). All numbers are big-endian.
/// <code>
///   0 magic "QFI\xfb"        4 version             8 backing file offset   16 backing file name length
///  20 cluster bits          24 disk size          32 encryption            36 L1 entries
///  40 L1 offset             48 refcount table     56 its clusters          60 snapshots
///  64 snapshot table        72 incompatible       80 compatible            88 autoclear features
///  96 refcount order       100 header length     104 compression type     … extensions
/// </code>
/// Refcounts and snapshots are not looked at: a reader needs the active L1 table alone.
/// </summary>
internal sealed record Qcow2Header(
    int Version,
    int ClusterBits,
    long DiskSize,
    int L1Entries,
    long L1Offset,
    int Snapshots,
    Codec Codec,
    bool HasSubclusters,
    bool IsDirty)
{
    /// <summary>What may be asked of the file's start: the extensions end within the first cluster.</summary>
    public const int MaxLength = 64 << 10;

    private const int Version2Length = 72;
    private const int Version3Length = 104;

    // QEMU's own limits (block/qcow2.h): 512 bytes to 2 MiB, and 32 MiB of L1 table.
    private const int MinClusterBits = 9;
    private const int MaxClusterBits = 21;
    private const int MaxL1Bytes = 32 << 20;

    // Below 16 KiB a subcluster would be smaller than a sector.
    private const int MinSubclusterBits = 14;

    public int ClusterSize => 1 << ClusterBits;

    public int L2EntrySize => HasSubclusters ? 16 : 8;

    public int L2Entries => ClusterSize / L2EntrySize;

    /// <summary>Bytes of disk that one L2 table maps.</summary>
    public long L2Covers => (long)L2Entries << ClusterBits;

    /// <summary>The longest compressed cluster that an L2 entry can name: its sector count has (cluster bits − 8) bits.</summary>
    public int MaxCompressedLength => (1 << (ClusterBits - 8)) * 512;

    public static bool TryParse(ReadOnlySpan<byte> head, long fileSize, [NotNullWhen(true)] out Qcow2Header? header, [NotNullWhen(false)] out Rejection? rejection)
    {
        header = null;
        rejection = null;
        if (head.Length < Version2Length)
            return Refuse("its header is cut off.", "The file is incomplete: fetch it again.", out rejection);
        var version = BinaryPrimitives.ReadUInt32BigEndian(head[4..]);
        if (version is not (2 or 3) || (version == 3 && head.Length < Version3Length))
            return Refuse($"its version is {version}; 2 and 3 are known.", ConvertIt, out rejection);
        if (BinaryPrimitives.ReadUInt64BigEndian(head[8..]) != 0)
            return Refuse("it has a backing file, so it is not a whole disk.", "Flatten it with 'qemu-img convert -O qcow2 -c' and sign the result.", out rejection);
        if (Qcow2Facts.EncryptionOf(BinaryPrimitives.ReadUInt32BigEndian(head[32..])) is { } encryption)
            return Refuse($"it is encrypted ({encryption}).", "Decrypt it with 'qemu-img convert' and sign the result.", out rejection);

        var clusterBits = BinaryPrimitives.ReadUInt32BigEndian(head[20..]);
        if (clusterBits is < MinClusterBits or > MaxClusterBits)
            return Refuse($"its clusters have 2^{clusterBits} bytes; 2^{MinClusterBits} to 2^{MaxClusterBits} are allowed.", ConvertIt, out rejection);
        var size = BinaryPrimitives.ReadUInt64BigEndian(head[24..]);
        if (size is 0 or > (ulong)ChunkLayout.MaxSize)
            return Refuse($"its disk has {size} bytes; between 1 and {ChunkLayout.MaxSize} (2 TiB) can be written.", "Shrink the disk and sign the result.", out rejection);

        var features = version == 2 ? 0 : BinaryPrimitives.ReadUInt64BigEndian(head[72..]);
        var length = version == 2 ? Version2Length : BinaryPrimitives.ReadUInt32BigEndian(head[100..]);
        if (length < (version == 2 ? Version2Length : Version3Length) || length > (uint)head.Length || length > 1u << (int)clusterBits || length % 8 != 0)
            return Refuse($"its header claims {length} bytes.", ConvertIt, out rejection);
        var extensions = HeaderExtensions.Read(head[(int)length..Math.Min(head.Length, 1 << (int)clusterBits)]);
        if (!TryReadFeatures(features, extensions, length > Version3Length ? head[Version3Length] : (byte)0, out var codec, out rejection))
            return false;
        var subclusters = (features & Incompatible.ExtendedL2) != 0;
        if (subclusters && clusterBits < MinSubclusterBits)
            return Refuse($"it has subclusters in clusters of 2^{clusterBits} bytes; they need 2^{MinSubclusterBits}.", ConvertIt, out rejection);

        var read = new Qcow2Header(
            (int)version, (int)clusterBits, (long)size, 0, 0, (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(head[60..])),
            codec, subclusters, (features & Incompatible.Dirty) != 0);
        var entries = BinaryPrimitives.ReadUInt32BigEndian(head[36..]);
        var offset = BinaryPrimitives.ReadUInt64BigEndian(head[40..]);
        var needed = (read.DiskSize + read.L2Covers - 1) / read.L2Covers;
        if (entries < needed)
            return Refuse($"its L1 table has {entries} entries, but a disk of {size} bytes needs {needed}.", Damaged, out rejection);
        if (needed > MaxL1Bytes / 8)
            return Refuse($"its L1 table needs {needed * 8} bytes; {MaxL1Bytes} are read.", "Convert it with larger clusters: 'qemu-img convert -O qcow2 -c -o cluster_size=64k'.", out rejection);
        if (offset % (ulong)read.ClusterSize != 0)
            return Refuse($"its L1 table at byte {offset} does not start on a cluster.", Damaged, out rejection);
        if (offset == 0 || offset > (ulong)fileSize || needed * 8 > fileSize - (long)offset)
            return Refuse($"its L1 table at byte {offset} lies beyond the file's end ({fileSize} bytes).", Damaged, out rejection);
        header = read with { L1Entries = (int)needed, L1Offset = (long)offset };
        return true;
    }

    public const string Damaged = "The file is damaged or incomplete: fetch or make it again ('qemu-img check' tells more).";
    private const string ConvertIt = "Convert it with 'qemu-img convert -O qcow2 -c' and sign the result.";

    private static bool TryReadFeatures(ulong features, HeaderExtensions extensions, byte compressionType, out Codec codec, [NotNullWhen(false)] out Rejection? rejection)
    {
        codec = Codec.Deflate;
        rejection = null;
        if ((features & Incompatible.Corrupt) != 0)
            return Refuse("it is marked corrupt.", "Repair it with 'qemu-img check -r all', or make it again.", out rejection);
        if ((features & Incompatible.ExternalData) != 0 || extensions.HasExternalData)
            return Refuse("its data lies in an external data file.", ConvertIt, out rejection);
        if ((features & ~Incompatible.Known) is var unknown and not 0)
        {
            var bit = BitOperations.TrailingZeroCount(unknown);
            return Refuse($"it needs the unknown feature {bit}{(extensions.FeatureNames.TryGetValue((0, bit), out var name) ? $" ({name})" : "")}.", ConvertIt, out rejection);
        }
        // The bit is set exactly if the type is not zlib.
        if (compressionType > 1 || (features & Incompatible.CompressionType) != 0 != (compressionType != 0))
            return Refuse($"its compression type is {compressionType}; zlib (0) and zstd (1) are known.", ConvertIt, out rejection);
        codec = compressionType == 0 ? Codec.Deflate : Codec.Zstd;
        return true;
    }

    internal static bool Refuse(string what, string remedy, [NotNullWhen(false)] out Rejection? rejection)
    {
        rejection = new Rejection($"The qcow2 image cannot be written: {what}", remedy);
        return false;
    }

    private static class Incompatible
    {
        public const ulong Dirty = 1 << 0;
        public const ulong Corrupt = 1 << 1;
        public const ulong ExternalData = 1 << 2;
        public const ulong CompressionType = 1 << 3;
        public const ulong ExtendedL2 = 1 << 4;
        public const ulong Known = Dirty | Corrupt | ExternalData | CompressionType | ExtendedL2;
    }
}

/// <summary>
/// What follows the header: <c>type(4) length(4) data padding-to-8</c>, ended by type 0 (qcow2.rst, "Header extensions"). Only what a
/// refusal needs is kept; unknown ones are to be ignored.
/// </summary>
internal sealed record HeaderExtensions(bool HasExternalData, IReadOnlyDictionary<(int Kind, int Bit), string> FeatureNames)
{
    private const uint ExternalDataFile = 0x44415441;
    private const uint FeatureNameTable = 0x6803f857;
    private const int FeatureNameLength = 48;

    public static HeaderExtensions Read(ReadOnlySpan<byte> bytes)
    {
        var external = false;
        var names = new Dictionary<(int, int), string>();
        while (bytes.Length >= 8 && BinaryPrimitives.ReadUInt32BigEndian(bytes) is var type and not 0)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
            if (length > (uint)bytes.Length - 8)
                break;
            var data = bytes.Slice(8, (int)length);
            external |= type == ExternalDataFile;
            for (; type == FeatureNameTable && data.Length >= FeatureNameLength; data = data[FeatureNameLength..])
            {
                names[(data[0], data[1])] = Encoding.ASCII.GetString(data[2..FeatureNameLength].TrimEnd((byte)0)).ReplaceLineEndings(" ");
            }
            bytes = bytes[Math.Min(bytes.Length, 8 + (((int)length + 7) & ~7))..];
        }
        return new HeaderExtensions(external, names);
    }
}
