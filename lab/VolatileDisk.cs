using Microsoft.Win32.SafeHandles;

namespace Baremetal.Lab;

/// <summary>
/// A disk with a write cache that does not outlive the power: of what was not flushed, each sector is there after a cut or is what it was
/// before, as chance will have it. Disks keep that much and no more (ATA, NVMe and virtio alike).
/// </summary>
internal sealed class VolatileDisk : IDisposable
{
    private const int SectorBytes = 4096;
    private const int PieceBytes = 1 << 20;

    private readonly SafeFileHandle _file;
    private readonly Random _chance;
    private readonly Lock _gate = new();

    // What the last flush left in sectors that were written since; zeros are an empty array.
    private readonly Dictionary<long, byte[]> _flushed = [];

    public VolatileDisk(string path, int seed)
    {
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Size = RandomAccess.GetLength(_file);
        _chance = new Random(seed);
    }

    public long Size { get; }

    public void Read(long offset, Span<byte> buffer)
    {
        lock (_gate)
            ReadFully(offset, buffer);
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            Remember(offset, data.Length);
            RandomAccess.Write(_file, data, offset);
        }
    }

    public void Zero(long offset, long length)
    {
        lock (_gate)
        {
            Remember(offset, length);
            Native.PunchHole(_file, offset, length);
        }
    }

    public void Flush()
    {
        lock (_gate)
            _flushed.Clear();
    }

    /// <summary>The power is gone, and with it about half of what was not flushed.</summary>
    public CacheLoss LosePower()
    {
        lock (_gate)
        {
            var (lost, unflushed) = (0, _flushed.Count);
            foreach (var (sector, before) in _flushed)
            {
                if (_chance.Next(2) == 0)
                    continue;
                lost++;
                if (before.Length == 0)
                    Native.PunchHole(_file, sector * SectorBytes, SectorBytes);
                else
                    RandomAccess.Write(_file, before, sector * SectorBytes);
            }
            _flushed.Clear();
            return new CacheLoss(lost, unflushed);
        }
    }

    public void Dispose() => _file.Dispose();

    private void Remember(long offset, long length)
    {
        Span<byte> piece = new byte[PieceBytes];
        var end = Math.Min(Size, (offset + length + SectorBytes - 1) / SectorBytes * SectorBytes);
        for (var at = offset / SectorBytes * SectorBytes; at < end; at += PieceBytes)
        {
            var bytes = piece[..(int)Math.Min(PieceBytes, end - at)];
            ReadFully(at, bytes);
            for (var first = 0; first < bytes.Length; first += SectorBytes)
            {
                var sector = bytes.Slice(first, Math.Min(SectorBytes, bytes.Length - first));
                if (!_flushed.ContainsKey((at + first) / SectorBytes))
                    _flushed.Add((at + first) / SectorBytes, sector.ContainsAnyExcept((byte)0) ? sector.ToArray() : []);
            }
        }
    }

    private void ReadFully(long offset, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var read = RandomAccess.Read(_file, buffer, offset);
            if (read == 0)
                throw new IOException($"The disk's file ended at byte {offset}.");
            offset += read;
            buffer = buffer[read..];
        }
    }
}

/// <summary>What a disk's cache lost with the power, in sectors of 4096 bytes.</summary>
internal readonly record struct CacheLoss(int Lost, int Unflushed);
