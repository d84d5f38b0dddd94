using Baremetal.Imaging.Native;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>
/// Blocks of a disk as they were before it erased itself. What is read afterwards need not be zeros: a disk that threw its key away reads as noise.
/// But nothing may read as it did, unless it is all one byte and says nothing.
/// </summary>
internal sealed class BeforeAndAfter
{
    private readonly List<Sample> _told = [];

    /// <summary>What cannot be read, as of a disk that is locked, is not compared.</summary>
    public BeforeAndAfter(IBlockTarget disk, WriteProgress progress, CancellationToken cancel)
    {
        var samples = EraseSamples.Of([(0, disk.Size)], EraseDepth.Secure);
        progress.Begin(WritePhase.Comparing, (long)samples.Count * EraseSamples.Length);
        using var block = new AlignedBuffer(EraseSamples.Length);
        foreach (var at in samples)
        {
            cancel.ThrowIfCancellationRequested();
            // Where one fails all may, and each takes half a minute.
            if (DiskFailure.Of(() => disk.Read(at, block.Span)) is not null)
                break;
            if (block.Span.ContainsAnyExcept(block.Span[0]))
                _told.Add(new Sample(at, Digest.Of(block.Span)));
            progress.Done(EraseSamples.Length);
        }
    }

    public int Count => _told.Count;

    /// <summary>Where and why it is not erased; null if no block is as it was.</summary>
    public string? FirstRemnant(IBlockTarget disk, WriteProgress progress, CancellationToken cancel)
    {
        progress.Begin(WritePhase.ReadingBack, (long)_told.Count * EraseSamples.Length);
        using var block = new AlignedBuffer(EraseSamples.Length);
        foreach (var sample in _told)
        {
            cancel.ThrowIfCancellationRequested();
            if (DiskFailure.Of(() => disk.Read(sample.At, block.Span)) is { } failure)
                return $"byte {sample.At}: {failure}";
            if (Digest.Of(block.Span) == sample.Before)
                return $"byte {sample.At}: the disk says that it erased itself, and reads there as it did before";
            progress.Done(EraseSamples.Length);
        }
        return null;
    }

    private sealed class Sample(long at, Digest before)
    {
        public long At => at;

        public Digest Before => before;
    }
}
