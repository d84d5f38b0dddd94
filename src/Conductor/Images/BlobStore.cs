using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Images;

/// <summary>Content by its SHA-256, one file each. A file that bears a digest has it: nothing else is ever renamed to one.</summary>
public sealed class BlobStore
{
    private const int BufferBytes = 1 << 20;

    private readonly StateDirectory _state;

    public BlobStore(StateDirectory state)
    {
        _state = state;
        // Uploads that an earlier process did not live to finish.
        foreach (var left in Directory.GetFiles(state.Incoming))
            File.Delete(left);
    }

    public bool TryFind(Digest digest, [NotNullWhen(true)] out FileInfo? file)
    {
        file = new FileInfo(PathOf(digest));
        if (!file.Exists)
            file = null;
        return file is not null;
    }

    public bool Has(Digest digest, long size) => TryFind(digest, out var file) && file.Length == size;

    public long FreeBytes => new DriveInfo(_state.Incoming).AvailableFreeSpace;

    /// <summary>Takes content, hashing on the way.</summary>
    /// <returns>The digest of what came: the content is kept if that is the one asked for, and gone if not.</returns>
    public async Task<Digest> PutAsync(Digest digest, Stream content, CancellationToken cancel)
    {
        var incoming = Path.Combine(_state.Incoming, Guid.NewGuid().ToString("N"));
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            Digest found;
            await using (var file = new FileStream(incoming, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, Options = FileOptions.Asynchronous }))
            {
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                int read;
                while ((read = await content.ReadAtLeastAsync(buffer.AsMemory(0, BufferBytes), BufferBytes, throwOnEndOfStream: false, cancel)) > 0)
                {
                    hash.AppendData(buffer, 0, read);
                    await file.WriteAsync(buffer.AsMemory(0, read), cancel);
                }
                found = new Digest(hash.GetHashAndReset());
                if (found == digest)
                    file.Flush(flushToDisk: true);
            }
            if (found == digest)
                File.Move(incoming, PathOf(digest), overwrite: true);
            return found;
        }
        finally
        {
            File.Delete(incoming);
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void Remove(Digest digest) => File.Delete(PathOf(digest));

    private string PathOf(Digest digest) => Path.Combine(_state.Blobs, digest.ToString());
}
