using Microsoft.Win32.SafeHandles;

namespace Baremetal.Imaging.Sources;

/// <summary>An image file on a disk of this machine.</summary>
public sealed class FileSource(string path) : IByteSource
{
    public string Name => path;

    /// <summary>Bytes of a file, or of the one that a link leads to. It is not opened: to open a pipe waits for somebody who writes.</summary>
    public static long LengthOf(string path) => new FileInfo(new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path).Length;

    public IByteReader Connect(long fileSize, bool isInOrder) => new Reader(path, fileSize);

    private sealed class Reader(string path, long fileSize) : IByteReader
    {
        private SafeFileHandle? _file;
        private long _position;
        private long _received;

        public long Received => Interlocked.Read(ref _received);

        public bool IsWhole => false;

        public void Open(long offset, long length)
        {
            try
            {
                if ((_file is null ? LengthOf(path) : RandomAccess.GetLength(_file)) is var found && found != fileSize)
                    throw SourceException.Permanent($"{path} has {found} bytes; the signed manifest says {fileSize}. It is another file, or was cut off.");
                _file ??= File.OpenHandle(path);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                throw SourceException.Permanent(
                    path.Contains("://", StringComparison.Ordinal)
                        ? $"{path} cannot be read: its protocol is not known. Give an http or https address, or a file."
                        : $"{path} cannot be read: it does not exist.",
                    e);
            }
            catch (Exception e) when (e is (IOException and not SourceException) or UnauthorizedAccessException)
            {
                throw SourceException.Permanent($"{path} cannot be read: {e.Message}", e);
            }
            _position = offset;
        }

        public void Read(Span<byte> buffer)
        {
            while (buffer.Length > 0)
            {
                int read;
                try
                {
                    read = RandomAccess.Read(_file!, buffer, _position);
                }
                catch (IOException e)
                {
                    throw SourceException.Permanent($"{path} cannot be read at byte {_position}: {e.Message}", e);
                }
                if (read == 0)
                    throw SourceException.Permanent($"{path} ended at byte {_position}; it was cut off while it was read.");
                _position += read;
                Interlocked.Add(ref _received, read);
                buffer = buffer[read..];
            }
        }

        // A local read ends by itself.
        public void Abort()
        {
        }

        public void Dispose() => _file?.Dispose();
    }
}
