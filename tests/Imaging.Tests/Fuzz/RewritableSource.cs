using System.Runtime.InteropServices;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Fuzz;

/// <summary>
/// A source of one chunk whose bytes are rewritten where the cache keeps them: a hundred thousand images pass through the real cache without a
/// thread or a fetch for each. Between two images no cursor may be open.
/// </summary>
internal sealed unsafe class RewritableSource : IDisposable
{
    private readonly string _path;
    private byte* _bytes;

    public RewritableSource(TestFolder folder, int size)
    {
        Assert.InRange(size, 1, ChunkLayout.SmallestSourceChunk);
        Size = size;
        _path = folder[$"source-{size}"];
        File.WriteAllBytes(_path, new byte[size]);
        var mirrors = new SourceMirrors([new FileSource(_path)], size, new RetryPolicy(), TimeProvider.System);
        Cache = new SourceCache(mirrors, ChunkLayout.ForSource(size), Keep, _ => false, capacity: 4, connections: 1);
        using var cursor = new SourceCursor(Cache);
        _ = cursor.Peek(0, 1);
    }

    public int Size { get; }

    public SourceCache Cache { get; }

    public void Put(ReadOnlySpan<byte> image) => image.CopyTo(new Span<byte>(_bytes, Size));

    public void Dispose()
    {
        Cache.Dispose();
        File.Delete(_path);
    }

    private bool Keep(int chunk, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = &MemoryMarshal.GetReference(data))
            _bytes = bytes;
        return true;
    }
}
