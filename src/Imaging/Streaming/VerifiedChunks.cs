using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Sources;
using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>The bytes of the image's disk, chunk by chunk: decoded, and what was signed.</summary>
/// <param name="image">What was signed.</param>
/// <param name="disk">The image's format.</param>
/// <param name="cache">The image file's bytes.</param>
/// <param name="sourceChunksAhead">How far a plan looks ahead in them.</param>
internal sealed class VerifiedChunks(VerifiedImage image, IDiskImage disk, SourceCache cache, int sourceChunksAhead)
{
    public ChunkPlan PlanOf(IEnumerable<int> chunks) => new(disk, cache, image.Disk.Layout, chunks, image.Disk.IsZero, sourceChunksAhead);

    /// <summary>Fills the worker's buffer with a chunk's bytes: from here on they may be written. Throws <see cref="RejectedException"/> if they are not what was signed.</summary>
    public void Fill(PlannedChunk chunk, ChunkWorker worker)
    {
        var bytes = worker.Buffer[..chunk.Length];
        if (chunk.IsZero)
        {
            bytes.Clear();
            return;
        }
        if (worker.Decoder.Fill(chunk, worker.Buffer) is { } rejection)
            throw new RejectedException(rejection);
        if (!image.Disk.Matches(chunk.Number, bytes))
            throw new RejectedException(new Rejection($"Chunk {chunk.Number} of the disk (byte {chunk.Offset}) is not what was signed, though the image file is.", "The image was signed wrongly: sign it anew."));
    }
}
