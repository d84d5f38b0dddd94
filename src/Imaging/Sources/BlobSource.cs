using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>
/// A blob on a web server, at <c>URL/DIGEST</c>, as the conductor has it, or at <c>URL/DIGEST.index</c>: any server that offers the folder in
/// which an image was signed has it there. The second is asked for when the first is denied; one that is away is away for both.
/// </summary>
internal sealed class BlobSource(string folder, Digest digest, TimeProvider time) : IByteSource
{
    private readonly HttpSource _byDigest = new(new Uri($"{folder.TrimEnd('/')}/{digest}"), time);
    private readonly HttpSource _byFile = new(new Uri($"{folder.TrimEnd('/')}/{digest}.index"), time);

    public string Name => _byDigest.Name;

    public IByteReader Connect(long fileSize, bool isInOrder) => new Reader(_byDigest.Connect(fileSize, isInOrder), _byFile.Connect(fileSize, isInOrder));

    private sealed class Reader(IByteReader byDigest, IByteReader byFile) : IByteReader
    {
        private volatile bool _isByFile;

        private IByteReader Asked => _isByFile ? byFile : byDigest;

        public long Received => byDigest.Received + byFile.Received;

        public bool IsWhole => Asked.IsWhole;

        public void Open(long offset, long length)
        {
            try
            {
                Asked.Open(offset, length);
            }
            catch (SourceException denied) when (!denied.IsTransient && !_isByFile)
            {
                OpenByFile(offset, length, denied);
            }
        }

        public void Read(Span<byte> buffer) => Asked.Read(buffer);

        public void Abort()
        {
            byDigest.Abort();
            byFile.Abort();
        }

        public void Dispose()
        {
            byDigest.Dispose();
            byFile.Dispose();
        }

        private void OpenByFile(long offset, long length, SourceException denied)
        {
            _isByFile = true;
            try
            {
                byFile.Open(offset, length);
            }
            catch (SourceException deniedToo) when (!deniedToo.IsTransient)
            {
                throw SourceException.Permanent($"{denied.Message} {deniedToo.Message}", deniedToo);
            }
        }
    }
}
