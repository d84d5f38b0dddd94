using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests;

/// <summary>Writes an image from its own file.</summary>
internal static class Writing
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    public static WriteOutcome To(IBlockTarget target, TestImage image, WriteOptions? options = null, WriteProgress? progress = null) =>
        From([new FileSource(image.Path)], target, image, options, progress);

    public static WriteOutcome From(
        IReadOnlyList<IByteSource> sources, IBlockTarget target, TestImage image, WriteOptions? options = null, WriteProgress? progress = null, TimeProvider? time = null) =>
        ImageWriter.Write(image.Verified, sources, target, options ?? new WriteOptions(), progress ?? new WriteProgress(), time ?? TimeProvider.System, TestContext.Current.CancellationToken);

    /// <summary>Writes while it moves the clock, whenever somebody waits for it, until the write has ended.</summary>
    /// <param name="pause">
    /// Of real time before each move: a timer that is set may be a limit that is about to be met by somebody who is only slow to be scheduled.
    /// </param>
    /// <param name="mostAtOnce">How far the clock goes at once; by default to the next timer.</param>
    /// <param name="start">The clock stands until it is set: what a busy machine is long at before then does not count.</param>
    /// <param name="limits">The clock by which servers are slow; by default the one that is moved.</param>
    public static WriteOutcome OnClock(
        ManualClock clock,
        IReadOnlyList<Uri> servers,
        IBlockTarget target,
        TestImage image,
        WriteOptions options,
        TimeSpan pause,
        TimeSpan? mostAtOnce = null,
        ManualResetEventSlim? start = null,
        TimeProvider? limits = null)
    {
        var write = Task.Run(() => From([.. servers.Select(server => new HttpSource(server, limits ?? clock))], target, image, options, time: clock));
        using var over = new CancellationTokenSource(_patience);
        while (!write.IsCompleted)
        {
            Assert.False(over.IsCancellationRequested, $"the write did not end within {_patience}");
            if (!write.Wait(pause) && start is not { IsSet: false } && clock.UntilNextTimer is { } next)
                clock.Advance(mostAtOnce is { } most && most < next ? most : next);
        }
        return write.Result;
    }
}
