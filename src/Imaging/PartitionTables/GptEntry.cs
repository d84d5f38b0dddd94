using System.Buffers.Binary;
using System.Text;

namespace Baremetal.Imaging.PartitionTables;

/// <summary>
/// A GPT partition entry (UEFI 2.10, table 5.6): <c>0 type GUID  16 its own GUID  32 first LBA  40 last LBA  48 attributes  56 name (UTF-16)</c>.
/// </summary>
/// <param name="Type">All zero: the entry is free.</param>
/// <param name="FirstLba">In sectors.</param>
/// <param name="LastLba">In sectors, inclusive.</param>
/// <param name="Name">At most 36 characters.</param>
public sealed record GptEntry(Guid Type, Guid Id, long FirstLba, long LastLba, string Name)
{
    internal const int Length = 128;

    public static readonly Guid EfiSystem = new("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    public static readonly Guid BiosBoot = new("21686148-6449-6e6f-744e-656564454649");
    public static readonly Guid LinuxSwap = new("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f");
    public static readonly Guid LinuxData = new("0fc63daf-8483-4772-8e79-3d69d8477de4");

    public bool IsFree => Type == Guid.Empty;

    internal static GptEntry Parse(ReadOnlySpan<byte> bytes) => new(
        new Guid(bytes[..16]),
        new Guid(bytes[16..32]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
        Encoding.Unicode.GetString(bytes[56..Length]).Split('\0')[0]);

    /// <summary>Changes an entry in place: what else it says, its attributes too, stays.</summary>
    internal static void SetLastLba(Span<byte> bytes, long lastLba) => BinaryPrimitives.WriteInt64LittleEndian(bytes[40..], lastLba);

    /// <summary>The same for its GUID.</summary>
    internal static void SetId(Span<byte> bytes, Guid id) => id.TryWriteBytes(bytes[16..]);

    internal void Write(Span<byte> bytes)
    {
        bytes.Clear();
        _ = Type.TryWriteBytes(bytes);
        _ = Id.TryWriteBytes(bytes[16..]);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[32..], FirstLba);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[40..], LastLba);
        _ = Encoding.Unicode.GetBytes(Name, bytes[56..Length]);
    }
}
