using Baremetal.Imaging.Native;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// The parts of the disk that are blank while the rest is written, so that a power cut at any moment leaves a disk that does not boot, or the
/// whole new image.
/// <code>
///  | chunk 0 | chunk 1 | … | last chunk |   beyond the image   | last 4 MiB |
///    end                     end           untouched              end           and every chunk that a derived write meets
/// </code>
/// Their bytes are verified first, overlaid in memory with the derived sectors, and written last; LBA 0, without which firmware finds
/// nothing, is the first that goes and the last that comes.
/// </summary>
internal sealed class DiskEnds : IDisposable
{
    /// <summary>Old backup GPTs, md and ZFS labels lie here; firmware and kernels would believe them.</summary>
    public const long TailLength = 4 << 20;

    private readonly ChunkLayout _image;
    private readonly long _diskSize;
    private readonly int _sectorSize;
    private readonly IReadOnlyList<DerivedWrite> _derived;
    private readonly SortedSet<int> _chunks = [];
    private readonly List<Piece> _pieces = [];

    /// <param name="image">The image's chunks on the disk.</param>
    /// <param name="diskSize">Bytes of the disk.</param>
    /// <param name="sectorSize">Bytes of a sector.</param>
    /// <param name="derived">What is written besides the image.</param>
    public DiskEnds(ChunkLayout image, long diskSize, int sectorSize, IReadOnlyList<DerivedWrite> derived)
    {
        _image = image;
        _diskSize = diskSize;
        _sectorSize = sectorSize;
        _derived = derived;
        _chunks.Add(0);
        _chunks.Add(image.Count - 1);
        Include(Math.Max(0, diskSize - TailLength), diskSize);
        foreach (var write in derived)
            Include(write.Offset, write.End);
    }

    /// <summary>The image's chunks that are ends, ascending.</summary>
    public IReadOnlySet<int> Chunks => _chunks;

    /// <summary>
    /// The most bytes of ends that an image can have on a disk, before its partition table is known: its own, and the parts of the config drive and of the
    /// head of swap that lie beyond it.
    /// </summary>
    public static long MostBytes(ChunkLayout image, long diskSize, int driveLength, bool hasSwap = false)
    {
        var tail = diskSize - TailLength - (driveLength > 0 ? ConfigDrive.PartitionSize + ConfigDrive.Alignment : 0);
        var chunks = tail >= image.Size ? 2 : 1 + image.Count - image.ChunkAt(Math.Max(0, tail));
        // Swap is large, so that its head may lie anywhere; but in one chunk, which is no smaller and aligned as it is.
        var (more, beyond) = hasSwap ? (1, SwapSpace.HeadLength) : (0, 0);
        return (Math.Min(chunks + more, image.Count) * (long)image.ChunkSize) + Math.Min(driveLength + beyond, diskSize - image.Size);
    }

    /// <summary>Takes the verified bytes of an end, and lays the derived sectors over them.</summary>
    public void Hold(int chunk, ReadOnlySpan<byte> verified)
    {
        var piece = new Piece(_image.OffsetOf(chunk), verified.Length);
        verified.CopyTo(piece.Bytes);
        _pieces.Add(piece);
        foreach (var write in _derived)
        {
            var (from, to) = (Math.Max(write.Offset, piece.Offset), Math.Min(write.End, piece.End));
            if (from < to)
                write.Data.AsSpan((int)(from - write.Offset), (int)(to - from)).CopyTo(piece.Bytes[(int)(from - piece.Offset)..]);
        }
    }

    /// <summary>All ends are held: adds what lies beyond the image.</summary>
    public void Seal()
    {
        foreach (var write in _derived.Where(write => write.End > _image.Size))
        {
            var from = Math.Max(write.Offset, _image.Size);
            var piece = new Piece(from, (int)(write.End - from));
            write.Data.AsSpan((int)(from - write.Offset)).CopyTo(piece.Bytes);
            _pieces.Add(piece);
        }
    }

    /// <summary>
    /// Zeros all ends. From here on the disk does not boot. LBA 0 is first, alone and flushed: of all that one flush covers, a power cut can
    /// keep the other zeros and lose these, and the old system would start with holes in it. Without LBA 0 nobody starts what else is still
    /// there: BIOS misses its signature, and UEFI the protective MBR, without which it may believe no GPT (UEFI 2.10, section 5.2.3; edk2 does not).
    /// </summary>
    public void Blank(IBlockTarget target)
    {
        target.Zero(0, _sectorSize);
        target.Flush();
        foreach (var chunk in _chunks)
            target.Zero(_image.OffsetOf(chunk), _image.LengthOf(chunk));
        var tail = Math.Max(_image.Size, _diskSize - TailLength);
        if (tail < _diskSize)
            target.Zero(tail, _diskSize - tail);
        foreach (var write in _derived.Where(write => write.End > _image.Size))
            target.Zero(Math.Max(write.Offset, _image.Size), write.End - Math.Max(write.Offset, _image.Size));
        target.Flush();
    }

    /// <summary>Reads back, before the ends are written, that nothing is left of what lay at the disk's end.</summary>
    /// <returns>What the disk did not keep, or null.</returns>
    public Rejection? ReadBackTail(IBlockTarget target, Span<byte> buffer)
    {
        for (var at = Math.Max(_image.Size, _diskSize - TailLength); at < _diskSize; at += buffer.Length)
        {
            var part = buffer[..(int)Math.Min(buffer.Length, _diskSize - at)];
            target.Read(at, part);
            if (part.IndexOfAnyExcept((byte)0) is var found and >= 0)
                return NotKept(target, at + found);
        }
        return null;
    }

    /// <summary>Writes all ends but LBA 0, and reads them back.</summary>
    /// <returns>What the disk did not keep, or null.</returns>
    public Rejection? WriteAllButBootSector(IBlockTarget target, Span<byte> buffer)
    {
        foreach (var piece in _pieces)
        {
            var skip = piece.Offset == 0 ? _sectorSize : 0;
            if (piece.Length > skip)
                target.Write(piece.Offset + skip, piece.Bytes[skip..]);
        }
        target.Flush();
        foreach (var piece in _pieces)
        {
            var skip = piece.Offset == 0 ? _sectorSize : 0;
            if (ReadBack(target, piece.Offset + skip, piece.Bytes[skip..], buffer) is { } rejection)
                return rejection;
        }
        return null;
    }

    /// <summary>Writes LBA 0: when it is durable, the disk boots.</summary>
    public Rejection? WriteBootSector(IBlockTarget target, Span<byte> buffer)
    {
        var sector = _pieces.Find(piece => piece.Offset == 0)!.Bytes[.._sectorSize];
        target.Write(0, sector);
        target.Flush();
        return ReadBack(target, 0, sector, buffer);
    }

    public long HeldBytes => _pieces.Sum(piece => (long)piece.Length);

    public void Dispose()
    {
        foreach (var piece in _pieces)
            piece.Dispose();
    }

    private static Rejection? ReadBack(IBlockTarget target, long offset, ReadOnlySpan<byte> expected, Span<byte> buffer)
    {
        for (var done = 0; done < expected.Length;)
        {
            var part = buffer[..Math.Min(buffer.Length, expected.Length - done)];
            target.Read(offset + done, part);
            if (!part.SequenceEqual(expected.Slice(done, part.Length)))
                return NotKept(target, offset + done + part.CommonPrefixLength(expected[done..]));
            done += part.Length;
        }
        return null;
    }

    private static Rejection NotKept(IBlockTarget target, long offset) =>
        new($"{target.Name} did not keep what was written at byte {offset}.", "The disk is failing: replace it.");

    private void Include(long from, long to)
    {
        for (var chunk = _image.ChunkAt(from); chunk < _image.Count && _image.OffsetOf(chunk) < to; chunk++)
            _chunks.Add(chunk);
    }

    private sealed class Piece(long offset, int length) : IDisposable
    {
        private readonly AlignedBuffer _bytes = new(length);

        public long Offset => offset;

        public int Length => length;

        public long End => offset + length;

        public Span<byte> Bytes => _bytes.Span;

        public void Dispose() => _bytes.Dispose();
    }
}
