using Baremetal.Imaging.Streaming;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>Asks a disk for its end, and how far it is until then: from 0 to 1.</summary>
internal delegate MethodEnd? Look(out double share);

/// <summary>Follows a disk that erases itself. It goes on whoever looks: whoever cancels only stops looking.</summary>
internal sealed class ErasureWatch(long size, WriteProgress progress, TimeProvider time, CancellationToken cancel)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Asks the disk how far it is until it has ended.</summary>
    public MethodEnd Follow(Look look)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            if (look(out var share) is { } end)
                return end;
            progress.Reach((long)(size * share));
            Task.Delay(Pause, time, cancel).GetAwaiter().GetResult();
        }
    }

    /// <summary>Before a command that answers only when it is through.</summary>
    public void ExpectSilence(TimeSpan most)
    {
        cancel.ThrowIfCancellationRequested();
        progress.BeSilentFor(most);
    }
}
