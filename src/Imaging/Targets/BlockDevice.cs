using Baremetal.Imaging.Native;
using Baremetal.Trust;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Imaging.Targets;

/// <summary>
/// A disk, opened exclusively and past the page cache: buffered, the kernel would copy every byte and write it back at a time of its own
/// (measured: half the speed).
/// </summary>
public sealed class BlockDevice : IBlockTarget
{
    // Long enough to be cheap, short enough that progress moves and a cancelled write ends.
    private const long ZeroPiece = 64 << 20;

    private readonly SafeFileHandle _device;

    private BlockDevice(string path, SafeFileHandle device)
    {
        Name = path;
        _device = device;
        Size = Libc.SizeOfDevice(device);
        SectorSize = Libc.SectorSizeOfDevice(device);
        Commands = DeviceCommands.Of(path, device);
        ZerosBesideData = SysBlock.ZerosByItself(path) || !SysBlock.HasHeads(path);
    }

    public string Name { get; }

    public long Size { get; }

    public int? SectorSize { get; }

    public bool ZerosBesideData { get; }

    public IDeviceCommands? Commands { get; }

    /// <summary>Opens a whole disk that nobody else uses: neither mounted, nor swap, nor part of an array or a volume group.</summary>
    public static (BlockDevice? Target, Rejection? Rejection) Open(string path)
    {
        var device = Libc.TryOpen(path, Libc.ReadWrite | Libc.Exclusive | Libc.Direct, out var error);
        if (device is null)
        {
            return (null, error switch
            {
                Libc.Busy => new Rejection($"{path} is in use{DeviceUsers.Describe(path)}.", "Unmount or stop what uses it, or choose another disk."),
                Libc.NoEntry => new Rejection($"{path} does not exist.", "'lsblk' shows the disks."),
                // What else lies in /dev cannot bypass the page cache.
                Libc.InvalidArgument => new Rejection($"{path} is no disk.", "'lsblk' shows the disks."),
                _ => new Rejection($"{path} cannot be opened: {Libc.Describe(error)}.", "Run the command as root, and see what 'lsblk' and 'dmesg' say of the disk."),
            });
        }
        try
        {
            // The kernel opens it for writing all the same, and then refuses each write.
            if (!Libc.IsReadOnlyDevice(device))
                return (new BlockDevice(path, device), null);
            device.Dispose();
            return (null, new Rejection($"{path} is read-only.", "Lift its write protection, or choose another disk."));
        }
        catch (IOException e)
        {
            device.Dispose();
            return (null, new Rejection($"{path} does not tell its size: {e.Message}.", "Is it a disk?"));
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => RandomAccess.Write(_device, data, offset);

    public void Read(long offset, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var read = RandomAccess.Read(_device, buffer, offset);
            if (read == 0)
                throw new IOException($"{Name} ended at byte {offset}.");
            offset += read;
            buffer = buffer[read..];
        }
    }

    public void Zero(long offset, long length)
    {
        for (var end = offset + length; offset < end; offset += ZeroPiece)
        {
            var piece = Math.Min(ZeroPiece, end - offset);
            if (!Libc.TryZeroDevice(_device, offset, piece))
                Zeros.Write(this, offset, piece);
        }
    }

    public bool TryDiscard(long offset, long length) => Libc.TryDiscardDevice(_device, offset, length);

    public void Flush() => RandomAccess.FlushToDisk(_device);

    // If the kernel cannot (a partition that something opened meanwhile), the reboot will.
    public void Complete() => _ = Libc.TryRereadPartitions(_device);

    public void Dispose() => _device.Dispose();
}
