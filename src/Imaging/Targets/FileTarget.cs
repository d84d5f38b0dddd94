using Baremetal.Imaging.Native;
using Baremetal.Trust;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Imaging.Targets;

/// <summary>A file as a disk. Where the file system can, whole pages bypass the cache: a written image is not read again soon.</summary>
public sealed class FileTarget : IBlockTarget
{
    private readonly SafeFileHandle _file;
    private readonly SafeFileHandle? _direct;

    private FileTarget(string path, SafeFileHandle file)
    {
        Name = path;
        Size = RandomAccess.GetLength(file);
        _file = file;
        _direct = Libc.TryOpen(path, Libc.ReadWrite | Libc.Direct, out _);
    }

    public string Name { get; }

    public long Size { get; }

    public int? SectorSize => null;

    // A hole: the file systems of today have them.
    public bool ZerosBesideData => true;

    public IDeviceCommands? Commands => null;

    /// <summary>Opens a file, or makes one of the given size if there is none.</summary>
    public static (FileTarget? Target, Rejection? Rejection) Open(string path, long sizeIfNew)
    {
        if (Directory.Exists(path))
            return (null, new Rejection($"{path} is a directory.", "Name a disk, or a file in it."));
        if (SysBlock.LoopOver(path) is { } loop)
            return (null, new Rejection($"{path} is in use (it is behind {loop}).", $"Write to {loop}, or detach it first: 'losetup --detach {loop}'."));
        SafeFileHandle? file = null;
        try
        {
            var isNew = !File.Exists(path);
            file = File.OpenHandle(path, isNew ? FileMode.CreateNew : FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            if (isNew)
                RandomAccess.SetLength(file, sizeIfNew);
            return (new FileTarget(path, file), null);
        }
        catch (DirectoryNotFoundException)
        {
            return (null, new Rejection($"The directory of {path} does not exist.", "Make it first."));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            return (null, new Rejection($"The file {path} cannot be written: {e.Message}", "Name another, or run the command as a user who may write it."));
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => RandomAccess.Write(HandleFor(offset, data.Length), data, offset);

    public void Read(long offset, Span<byte> buffer)
    {
        var handle = HandleFor(offset, buffer.Length);
        while (buffer.Length > 0)
        {
            var read = RandomAccess.Read(handle, buffer, offset);
            if (read == 0)
                throw new IOException($"{Name} ended at byte {offset}.");
            offset += read;
            buffer = buffer[read..];
        }
    }

    public void Zero(long offset, long length)
    {
        if (!Libc.TryPunchHole(_file, offset, length))
            Zeros.Write(this, offset, length);
    }

    public bool TryDiscard(long offset, long length) => Libc.TryPunchHole(_file, offset, length);

    public void Flush()
    {
        RandomAccess.FlushToDisk(_file);
        Libc.DropFileCache(_file);
    }

    public void Complete()
    {
    }

    public void Dispose()
    {
        _direct?.Dispose();
        _file.Dispose();
    }

    private SafeFileHandle HandleFor(long offset, int length) =>
        _direct is not null && (offset | (uint)length) % AlignedBuffer.Alignment == 0 ? _direct : _file;
}
