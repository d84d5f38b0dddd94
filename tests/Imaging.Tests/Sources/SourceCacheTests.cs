using Baremetal.Imaging.Native;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Sources;

public sealed class SourceCacheTests
{
    private const int ChunkSize = 4096;
    private const int Capacity = 7;

    [Fact]
    public void ZeroChunk_WhereOthersLeftTheirBytes_ReadsAsZeros()
    {
        using var folder = new TestFolder();
        File.WriteAllBytes(folder["image"], new byte[2 * ChunkSize]);
        var layout = new ChunkLayout(2 * ChunkSize, ChunkSize);
        var mirrors = new SourceMirrors([new FileSource(folder["image"])], layout.Size, new RetryPolicy(), TimeProvider.System);
        SoilMemory();

        using var cache = new SourceCache(mirrors, layout, (_, _) => true, _ => true, Capacity, connections: 1);
        using var source = new SourceCursor(cache);

        Assert.True(source.Peek(0, ChunkSize).IndexOfAnyExcept((byte)0) < 0, "a chunk of zeros holds something else");
    }

    // Leaves pieces of the size that the cache will ask for, full of ones.
    private static void SoilMemory()
    {
        var pieces = Enumerable.Range(0, 16).Select(_ => new AlignedBuffer((Capacity + 1) * ChunkSize)).ToArray();
        foreach (var piece in pieces)
        {
            piece.Span.Fill(0xff);
            piece.Dispose();
        }
    }
}
